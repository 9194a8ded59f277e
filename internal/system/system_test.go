package system_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moss/bootloader/esp"
	"moss/internal/system"
	"moss/internal/testutil"
	"moss/store"
)

func TestEveryTransactionWritesItsEntry(t *testing.T) {
	root := newRoot(t)
	install(t, options(root), base())
	opt := options(root)
	opt.Comment = "an editor"
	result := install(t, opt, testutil.Stone{Name: "nano", Files: testutil.Tree{"bin/nano": "editor"}})
	if result.ID != 2 || result.Previous != 1 || live(t, root) != 2 {
		t.Errorf("got state %d after %d, live %d; want 2 after 1, live", result.ID, result.Previous, live(t, root))
	}
	all := entries(t, root)
	if len(all) != 2 {
		t.Fatalf("got entries %v, want two", slices.Sorted(maps.Keys(all)))
	}
	var second string
	for name, text := range all {
		if strings.Contains(name, "-2-") {
			second = text
		}
	}
	for _, want := range []string{"moss.fstx=2", "root=UUID=1234 rw", "title Test OS 1", "state 2", "an editor", "sort-key testos",
		"machine-id 0123456789abcdef0123456789abcdef", "linux /moss-", "initrd /moss-"} {
		if !strings.Contains(second, want) {
			t.Errorf("entry of state 2 lacks %q:\n%s", want, second)
		}
	}
	if found, _ := filepath.Glob(filepath.Join(root, "efi/moss-*/*")); len(found) != 2 {
		t.Errorf("got %v, want one kernel and one initrd shared by both states", found)
	}
	menu, err := os.ReadFile(filepath.Join(root, ".moss/boot/menu"))
	var want strings.Builder
	for _, id := range []string{"2", "1"} {
		files, _ := filepath.Glob(filepath.Join(root, "efi/loader/entries/moss-????????????-"+id+"-*.conf"))
		if len(files) != 1 {
			t.Fatalf("got %v, want one entry of state %s", files, id)
		}
		stem, _, _ := strings.Cut(filepath.Base(files[0]), "_")
		fmt.Fprintf(&want, "%s %s %s_* %s\n", id, kernel, stem, filepath.Base(files[0]))
	}
	if string(menu) != want.String() || err != nil {
		t.Errorf("menu for early boot: got %q, %v, want %q", menu, err, want.String())
	}
}

func TestMenuKeepsTheNewestFive(t *testing.T) {
	root := newRoot(t)
	install(t, options(root), base())
	for i := range 6 {
		install(t, options(root), testutil.Stone{Name: "tick", Version: fmt.Sprint(i), Files: testutil.Tree{"bin/tick": fmt.Sprint(i)}})
	}
	menu, err := system.ReadMenu(options(root))
	if err != nil {
		t.Fatal(err)
	}
	var ids []uint64
	for _, e := range menu.Entries {
		ids = append(ids, e.State)
	}
	if !slices.Equal(ids, []uint64{7, 6, 5, 4, 3}) || menu.Default != 7 {
		t.Errorf("got states %v, default %d; want 7 to 3, default 7", ids, menu.Default)
	}
}

func TestWhatWouldNotBootIsRefused(t *testing.T) {
	root := newRoot(t)
	install(t, options(root), base())
	before := testutil.List(t, filepath.Join(root, "efi"))
	broken := base()
	broken.Version = "2"
	delete(broken.Files, "sbin/init")
	_, err := system.Transact(t.Context(), options(root), system.Change{Stones: write(t, broken)})
	if !errors.Is(err, store.ErrRefused) || system.ExitCode(err) != 3 || !strings.Contains(err.Error(), "init") {
		t.Fatalf("got %v (exit %d), want a refusal that names the init", err, system.ExitCode(err))
	}
	if live(t, root) != 1 || !slices.Equal(before, testutil.List(t, filepath.Join(root, "efi"))) {
		t.Error("the refused transaction left something behind")
	}
	forced := options(root)
	forced.Force = true
	if result := install(t, forced, broken); live(t, root) != result.ID {
		t.Error("--force did not make it live")
	}
	states, err := system.States(options(root))
	if err != nil || states[len(states)-1].Bootable || !states[0].Bootable {
		t.Errorf("got %+v, %v; want only the last not bootable", states, err)
	}
}

func TestActivateMovesDefaultThenTree(t *testing.T) {
	root := newRoot(t)
	install(t, options(root), base())
	install(t, options(root), testutil.Stone{Name: "nano", Files: testutil.Tree{"bin/nano": "editor"}})
	done, err := system.Activate(t.Context(), options(root), 1)
	if err != nil || !done.Moved || live(t, root) != 1 {
		t.Fatalf("got %+v, %v, live %d; want 1 live", done, err, live(t, root))
	}
	if menu, err := system.ReadMenu(options(root)); err != nil || menu.Default != 1 {
		t.Errorf("got default %d, %v, want 1", menu.Default, err)
	}
	if again, err := system.Activate(t.Context(), options(root), 1); err != nil || again.Moved {
		t.Errorf("second activation: got %+v, %v, want nothing moved", again, err)
	}
	if done, err := system.SyncMenu(t.Context(), options(root)); err != nil || len(done.Steps) != 0 {
		t.Errorf("sync after activation: got %v, %v, want nothing to do", done.Steps, err)
	}
	install(t, options(root), testutil.Stone{Name: "tick", Files: testutil.Tree{"bin/tick": "tick"}})
	if menu, err := system.ReadMenu(options(root)); err != nil || menu.Default != 3 {
		t.Errorf("after a new state: got default %d, %v, want 3", menu.Default, err)
	}
}

func TestNextBootLeavesTheRunningSystemAlone(t *testing.T) {
	root := newRoot(t)
	install(t, options(root), base())
	opt := options(root)
	opt.NextBoot = true
	install(t, opt, testutil.Stone{Name: "nano", Files: testutil.Tree{"bin/nano": "editor"}})
	menu, err := system.ReadMenu(options(root))
	if live(t, root) != 1 || err != nil || menu.Default != 2 {
		t.Errorf("got live %d, default %d, %v; want 1 and 2", live(t, root), menu.Default, err)
	}
}

func TestDryRunChangesNoState(t *testing.T) {
	root := newRoot(t)
	install(t, options(root), base())
	opt := options(root)
	opt.DryRun = true
	result := install(t, opt, testutil.Stone{Name: "nano", Files: testutil.Tree{"bin/nano": "editor"}})
	if !slices.Equal(result.Added, []string{"nano 1"}) || result.ID != 0 {
		t.Errorf("got %+v, want nano added and no state", result)
	}
	if states, err := system.States(options(root)); err != nil || len(states) != 1 {
		t.Errorf("got %d states, %v, want 1", len(states), err)
	}
}

func TestNoPlaceForTheMenuIsFoundOutFirst(t *testing.T) {
	root := newRoot(t)
	if err := os.RemoveAll(filepath.Join(root, "efi")); err != nil {
		t.Fatal(err)
	}
	_, err := system.Transact(t.Context(), options(root), system.Change{Stones: write(t, base())})
	if err == nil || !errors.Is(err, esp.ErrNoBoot) {
		t.Fatalf("got %v, want ErrNoBoot", err)
	}
	if states, err := system.States(options(root)); err != nil || len(states) != 0 {
		t.Errorf("got %d states, %v, want none", len(states), err)
	}
}

func TestForeignUsrIsNotOverwritten(t *testing.T) {
	root := newRoot(t)
	testutil.Tree{"usr/bin/precious": "mine"}.Create(t, root)
	_, err := system.Transact(t.Context(), options(root), system.Change{Stones: write(t, base())})
	if !errors.Is(err, store.ErrRefused) {
		t.Errorf("got %v, want a refusal", err)
	}
}

func TestSignalBeforeTheCommitChangesNothing(t *testing.T) {
	root := newRoot(t)
	install(t, options(root), base())
	ctx, signal := context.WithCancel(t.Context())
	opt := options(root)
	opt.Log = func(line string) {
		if strings.HasPrefix(line, "step check:") {
			signal()
		}
	}
	_, err := system.Transact(ctx, opt, system.Change{Stones: write(t, testutil.Stone{Name: "nano", Files: testutil.Tree{"bin/nano": "2"}})})
	if !errors.Is(err, context.Canceled) || live(t, root) != 1 {
		t.Errorf("got %v, live %d; want it stopped, 1 live", err, live(t, root))
	}
	if states, err := system.States(options(root)); err != nil || len(states) != 1 {
		t.Errorf("got %d states, %v, want 1", len(states), err)
	}
}

func TestSignalAfterTheExchangeIsHeld(t *testing.T) {
	root := newRoot(t)
	ctx, signal := context.WithCancel(t.Context())
	opt := options(root)
	opt.Log = func(line string) {
		if strings.HasPrefix(line, "step exchange:") {
			signal()
		}
	}
	if _, err := system.Transact(ctx, opt, system.Change{Stones: write(t, base())}); err != nil {
		t.Fatal(err)
	}
	if target, err := os.Readlink(filepath.Join(root, "sbin")); target != "usr/sbin" {
		t.Errorf("got root link %q, %v, want the last step done", target, err)
	}
}

func TestDiff(t *testing.T) {
	root := newRoot(t)
	install(t, options(root), base(), testutil.Stone{Name: "vi", Files: testutil.Tree{"bin/vi": "1"}})
	_, err := system.Transact(t.Context(), options(root), system.Change{Remove: []string{"vi"},
		Stones: write(t, testutil.Stone{Name: "nano", Files: testutil.Tree{"bin/nano": "2"}})})
	if err != nil {
		t.Fatal(err)
	}
	d, err := system.Compare(root, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(d.Packages.Added, []string{"nano 1"}) || !slices.Equal(d.Packages.Removed, []string{"vi 1"}) ||
		!slices.Equal(d.Files.Added, []string{"bin", "bin/nano"}) && !slices.Equal(d.Files.Added, []string{"bin/nano"}) {
		t.Errorf("got %+v", d)
	}
}
