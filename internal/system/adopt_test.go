package system_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"moss/internal/system"
	"moss/internal/testutil"
	"moss/store"
	"moss/store/activate"
	"moss/store/adopt/adopttest"
)

// aerynos makes a root that AerynOS' moss looks after: states 1 to 3, 3 live,
// with a kernel each, and its own entry and loader.conf on $BOOT.
func aerynos(t *testing.T) *adopttest.Installation {
	t.Helper()
	root, dir := newRoot(t), t.TempDir()
	testutil.Tree{
		"efi/loader/loader.conf":                              "timeout 3\ndefault \"unbranded-os*\"\n",
		"efi/loader/entries/unbranded-os-6.1.0-1-test-3.conf": "title Unbranded OS\nlinux /EFI/unbranded-os/6.1.0-1-test/vmlinuz\noptions moss.fstx=3\n",
		"efi/EFI/unbranded-os/6.1.0-1-test/vmlinuz":           "the kernel",
	}.Create(t, root)
	i := adopttest.New(t, root)
	stones := []string{base().Write(t, dir)}
	for id, place := range map[int]adopttest.Place{1: adopttest.Archived, 2: adopttest.Archived, 3: adopttest.Live} {
		own := testutil.Stone{Name: "mark", Version: string(rune('0' + id)), Files: testutil.Tree{"share/mark": string(rune('0' + id))}}
		i.Make(adopttest.State{ID: id, Created: time.Unix(1_700_000_000, 0), Stones: append(stones[:1:1], own.Write(t, dir)),
			Explicit: []string{"base", "mark"}, Place: place})
	}
	return i
}

func adopted(t *testing.T, opt system.Options) system.Adopted {
	t.Helper()
	done, err := system.Adopt(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func TestAdoptOffersEveryState(t *testing.T) {
	t.Parallel()
	i := aerynos(t)
	before := entries(t, i.Root)
	done := adopted(t, options(i.Root))
	if len(done.States) != 3 || done.Live != 3 || len(done.Problems) != 0 {
		t.Fatalf("got states %+v, problems %+v", done.States, done.Problems)
	}
	all, err := system.States(options(i.Root))
	if err != nil {
		t.Fatal(err)
	}
	for n, one := range all {
		if one.ID != activate.ID(n+1) || !one.Bootable || one.Active != (n == 2) || one.Default != (n == 2) || len(one.Packages) != 2 {
			t.Errorf("got %+v", one)
		}
	}
	for name, text := range before {
		if now := entries(t, i.Root)[name]; now != text {
			t.Errorf("AerynOS' entry %s was %q, is %q", name, text, now)
		}
	}
	ours := 0
	for name, text := range entries(t, i.Root) {
		if before[name] == "" && strings.Contains(text, "moss.fstx=") {
			ours++
		}
	}
	if ours != 3 {
		t.Errorf("got %d entries of our own, want 3", ours)
	}
	conf, err := os.ReadFile(filepath.Join(i.Root, "efi/loader/loader.conf"))
	if err != nil || !strings.Contains(string(conf), "default moss-0123456789ab-[0-9]*") || !strings.Contains(string(conf), "timeout 3") {
		t.Errorf("loader.conf is %q, %v", conf, err)
	}
	if menu, err := system.ReadMenu(options(i.Root)); err != nil || menu.Default != 3 {
		t.Errorf("got the default %d, %v, want the live state 3", menu.Default, err)
	}
}

func TestAdoptedStatesAreActivatedAndBuiltUpon(t *testing.T) {
	t.Parallel()
	i := aerynos(t)
	adopted(t, options(i.Root))
	if _, err := system.Activate(t.Context(), options(i.Root), 1); err != nil {
		t.Fatal(err)
	}
	if mark, _ := os.ReadFile(filepath.Join(i.Root, "usr/share/mark")); live(t, i.Root) != 1 || string(mark) != "1" {
		t.Errorf("state %d is live with mark %q, want 1 and 1", live(t, i.Root), mark)
	}
	result := install(t, options(i.Root), testutil.Stone{Name: "new", Files: testutil.Tree{"bin/new": "new"}})
	if result.ID != 4 || result.Previous != 1 {
		t.Errorf("got state %d after %d, want 4 after 1", result.ID, result.Previous)
	}
	if mark, _ := os.ReadFile(filepath.Join(i.Root, "usr/share/mark")); string(mark) != "1" {
		t.Errorf("the new state has mark %q, want that of state 1", mark)
	}
}

func TestAdoptAgainChangesNothing(t *testing.T) {
	t.Parallel()
	i := aerynos(t)
	adopted(t, options(i.Root))
	if _, err := system.Activate(t.Context(), options(i.Root), 2); err != nil {
		t.Fatal(err)
	}
	before := testutil.List(t, filepath.Join(i.Root, "efi"))
	done := adopted(t, options(i.Root))
	if len(done.States) != 0 || len(done.Known) != 3 || !strings.Contains(done.Summary(false), "nothing to take over") {
		t.Errorf("got %s", done.Summary(false))
	}
	if now := testutil.List(t, filepath.Join(i.Root, "efi")); strings.Join(now, "\n") != strings.Join(before, "\n") {
		t.Errorf("the boot files changed:\n%s", strings.Join(now, "\n"))
	}
}

func TestAdoptDryRunWritesNothing(t *testing.T) {
	t.Parallel()
	i := aerynos(t)
	before := testutil.List(t, i.Root)
	opt := options(i.Root)
	opt.DryRun = true
	done := adopted(t, opt)
	if len(done.States) != 3 || !strings.HasPrefix(done.Summary(true), "would take over 3 states, 4 packages") {
		t.Errorf("got %s", done.Summary(true))
	}
	if now := testutil.List(t, i.Root); strings.Join(now, "\n") != strings.Join(before, "\n") {
		t.Errorf("something was written:\n%s", strings.Join(now, "\n"))
	}
}

// TestAdoptNeedsAMenu: a menu that cannot be written is found out before
// anything is taken over.
func TestAdoptNeedsAMenu(t *testing.T) {
	t.Parallel()
	i := aerynos(t)
	if err := os.Remove(filepath.Join(i.Root, "etc/kernel/cmdline.d/10-root.cmdline")); err != nil {
		t.Fatal(err)
	}
	_, err := system.Adopt(t.Context(), options(i.Root))
	if !errors.Is(err, store.ErrRefused) || system.ExitCode(err) != 3 {
		t.Fatalf("got %v, want a refusal", err)
	}
	if all, err := system.States(options(i.Root)); err != nil || len(all) != 0 {
		t.Errorf("got %d states, %v, want none", len(all), err)
	}
	opt := options(i.Root)
	opt.NoBoot = true
	if done := adopted(t, opt); len(done.States) != 3 {
		t.Errorf("got %d states with --no-boot, want 3", len(done.States))
	}
}

func TestDamagedStateIsNotOffered(t *testing.T) {
	t.Parallel()
	i := aerynos(t)
	if err := os.Remove(filepath.Join(i.Tree(adopttest.Archived, 2), "share/mark")); err != nil {
		t.Fatal(err)
	}
	done := adopted(t, options(i.Root))
	if done.States[1].Damaged != 1 {
		t.Errorf("got %+v", done.States[1])
	}
	for name, text := range entries(t, i.Root) {
		if strings.Contains(text, "moss.fstx=2") {
			t.Errorf("entry %s offers the damaged state", name)
		}
	}
}

func TestAdoptRefusalsHaveExitCodes(t *testing.T) {
	t.Parallel()
	_, err := system.Adopt(t.Context(), options(newRoot(t)))
	if system.ExitCode(err) != 3 {
		t.Errorf("no installation: got %v with code %d, want 3", err, system.ExitCode(err))
	}
	i := aerynos(t)
	if err := os.Rename(filepath.Join(i.Root, "usr"), i.Path("moved")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(".moss/moved", filepath.Join(i.Root, "usr")); err != nil {
		t.Fatal(err)
	}
	if _, err = system.Adopt(t.Context(), options(i.Root)); system.ExitCode(err) != 3 {
		t.Errorf("symlink: got %v with code %d, want 3", err, system.ExitCode(err))
	}
}
