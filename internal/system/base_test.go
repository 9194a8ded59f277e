package system_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moss/internal/system"
	"moss/internal/testutil"
	"moss/internal/ui"
)

func appStone(name string) testutil.Stone {
	return testutil.Stone{Name: name, Files: testutil.Tree{"bin/" + name: "0755:" + name}}
}

// refusal wants exit code 3 and words.
func refusal(t *testing.T, err error, words ...string) {
	t.Helper()
	if system.ExitCode(err) != 3 {
		t.Fatalf("got %v (exit code %d), want a refusal", err, system.ExitCode(err))
	}
	for _, w := range words {
		if !strings.Contains(err.Error()+"; "+ui.Hint(err), w) {
			t.Errorf("%q, hint %q: does not say %q", err, ui.Hint(err), w)
		}
	}
}

// TestNextBootChangesAddUp: a second change for the next boot is built on the
// first; one for now says that it takes its place.
func TestNextBootChangesAddUp(t *testing.T) {
	root := newRoot(t)
	install(t, options(root), base())
	next := options(root)
	next.NextBoot = true
	install(t, next, appStone("a"))
	second := install(t, next, appStone("b"))
	one, err := system.OneState(options(root), second.ID)
	if err != nil || !slices.Equal(one.Packages, []string{"a 1", "b 1", "base 1"}) || live(t, root) != 1 || !one.Default {
		t.Errorf("got %+v, %v, live %d; want a, b and base in the default state", one, err, live(t, root))
	}
	now := install(t, options(root), appStone("c"))
	if !slices.ContainsFunc(now.Notes, func(n string) bool { return strings.Contains(n, "state 3 was to be the next boot's") }) {
		t.Errorf("nothing said that the next boot's state is passed over: %q", now.Notes)
	}
	one, err = system.OneState(options(root), now.ID)
	if err != nil || !slices.Equal(one.Packages, []string{"base 1", "c 1"}) {
		t.Errorf("got %v, %v, want base and c", one.Packages, err)
	}
}

func TestNextBootNeedsAnEntry(t *testing.T) {
	root := newRoot(t)
	opt := options(root)
	opt.NextBoot = true
	_, err := system.Transact(t.Context(), opt, system.Change{Stones: write(t, appStone("a"))})
	refusal(t, err, "cannot be the next boot's", "no kernel")
	opt.NoBoot = true
	for _, err := range []error{second(system.Transact(t.Context(), opt, system.Change{Stones: write(t, base())})), second(system.Activate(t.Context(), opt, 1))} {
		if system.ExitCode(err) != 2 {
			t.Errorf("got %v (exit code %d), want a usage error", err, system.ExitCode(err))
		}
	}
}

func second[T any](_ T, err error) error { return err }

// TestActivateRefusesWhatIsBad: a damaged state, and one without the kernel that
// the live one has, take a --force.
func TestActivateRefusesWhatIsBad(t *testing.T) {
	root := newRoot(t)
	install(t, options(root), appStone("container"))
	install(t, options(root), base())
	install(t, options(root), appStone("b"))
	refusal(t, second(system.Activate(t.Context(), options(root), 1)), "no kernel")
	testutil.Tree{".moss/boot/failed/2": "reason: verify: bin/x is damaged\n"}.Create(t, root)
	refusal(t, second(system.Activate(t.Context(), options(root), 2)), "damaged", "--repair")
	if live(t, root) != 3 {
		t.Fatalf("state %d is live, want 3", live(t, root))
	}
	forced := options(root)
	forced.Force = true
	if done, err := system.Activate(t.Context(), forced, 2); err != nil || live(t, root) != 2 {
		t.Errorf("forced: %+v, %v", done, err)
	}
	if menu, err := system.ReadMenu(options(root)); err != nil || menu.Default != 2 {
		t.Errorf("forced: the default is %d, %v, want 2", menu.Default, err)
	}
}

// TestALostMarkIsNotForcedAway: with states on record /usr is not taken for
// somebody else's files.
func TestALostMarkIsNotForcedAway(t *testing.T) {
	root := newRoot(t)
	install(t, options(root), base())
	if err := os.Remove(filepath.Join(root, "usr/.stateID")); err != nil {
		t.Fatal(err)
	}
	opt := options(root)
	opt.Force = true
	refusal(t, second(system.Transact(t.Context(), opt, system.Change{Stones: write(t, appStone("a"))})), "which state it is", "--repair")
}

// TestALiveStateOfSomebodyElse: an AerynOS root says how it is taken over.
func TestALiveStateOfSomebodyElse(t *testing.T) {
	root := newRoot(t)
	testutil.Tree{"usr/.stateID": "7", "usr/bin/x": "x"}.Create(t, root)
	refusal(t, second(system.Transact(t.Context(), options(root), system.Change{Stones: write(t, base())})), "state 7", "adopt")
}

// TestADamagedDownloadIsFetchedAgain: a file in the cache is believed as far as its hash.
func TestADamagedDownloadIsFetchedAgain(t *testing.T) {
	root, dir := newRoot(t), t.TempDir()
	install(t, options(root), base())
	appStone("a").Write(t, dir)
	publish(t, dir)
	addRepository(t, root, dir)
	dry := options(root)
	dry.DryRun = true
	if _, err := system.Transact(t.Context(), dry, system.Change{Install: []string{"a"}}); err != nil {
		t.Fatal(err)
	}
	cached, err := filepath.Glob(filepath.Join(root, ".moss/cache/downloads/*"))
	if err != nil || len(cached) != 1 {
		t.Fatalf("got %v, %v, want the download", cached, err)
	}
	text := []byte(testutil.Read(t, cached[0]))
	text[len(text)-1] ^= 1
	fresh := newRoot(t)
	install(t, options(fresh), base())
	addRepository(t, fresh, dir)
	if err := os.WriteFile(filepath.Join(fresh, ".moss/cache/downloads", filepath.Base(cached[0])), text, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := system.Transact(t.Context(), options(fresh), system.Change{Install: []string{"a"}}); err != nil {
		t.Errorf("a damaged download stands in the way: %v", err)
	}
}

// TestImportTakesTheVeryBuild: a build that another state brought is taken from
// the store; one that cannot be had is named.
func TestImportTakesTheVeryBuild(t *testing.T) {
	root, dir := newRoot(t), t.TempDir()
	old := appStone("a")
	install(t, options(root), base(), old)
	kept, err := system.Export(root, live(t, root))
	if err != nil {
		t.Fatal(err)
	}
	newer := appStone("a")
	newer.Version, newer.Release = "2", 2
	newer.Write(t, dir)
	base().Write(t, dir)
	publish(t, dir)
	addRepository(t, root, dir)
	if _, err := system.Transact(t.Context(), options(root), system.Change{Upgrade: true}); err != nil {
		t.Fatal(err)
	}
	back, err := system.Transact(t.Context(), options(root), system.Change{Selection: &kept})
	if err != nil {
		t.Fatal(err)
	}
	if one, err := system.OneState(options(root), back.ID); err != nil || !slices.Contains(one.Packages, "a 1") {
		t.Errorf("got %v, %v, want a 1 again", one.Packages, err)
	}
	elsewhere := newRoot(t)
	addRepository(t, elsewhere, dir)
	made, err := system.Transact(t.Context(), options(elsewhere), system.Change{Selection: &kept})
	if err != nil || !slices.ContainsFunc(made.Notes, func(n string) bool { return strings.Contains(n, "a 1 of the selection cannot be had: 2-2-1") }) {
		t.Errorf("got notes %q, %v", made.Notes, err)
	}
}
