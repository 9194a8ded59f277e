package system_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moss/internal/system"
	"moss/internal/testutil"
	"moss/store/activate"
)

// Each test here is named after a weakness that was found in another tool of this
// kind; docs/peers.md has the list, with those that are tested elsewhere.

// TestPeerFailedBlitBreaksActivate: what a failed stage leaves does not stand in
// the way of going back.
func TestPeerFailedBlitBreaksActivate(t *testing.T) {
	root := twoStates(t)
	testutil.Tree{".moss/root/.stage-old/usr/bin/x": "half", ".moss/root/staging/usr/bin/y": "half"}.Create(t, root)
	if _, err := system.Activate(t.Context(), options(root), 1); err != nil {
		t.Fatal(err)
	}
	if live(t, root) != 1 {
		t.Errorf("state %d is live, want 1", live(t, root))
	}
}

func twoStates(t *testing.T) (root string) {
	root = newRoot(t)
	install(t, options(root), base(), testutil.Stone{Name: "a", Files: testutil.Tree{"bin/a": "0755:one", "share/shared": "shared"}})
	install(t, options(root), testutil.Stone{Name: "b", Files: testutil.Tree{"bin/b": "0755:two"}})
	return root
}

// TestPeerEmptyStateIDAfterACrash: an empty mark makes a tree no state; nothing
// is destroyed, the other state can be activated.
func TestPeerEmptyStateIDAfterACrash(t *testing.T) {
	root := twoStates(t)
	if err := os.Truncate(filepath.Join(root, "usr/.stateID"), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := system.Activate(t.Context(), options(root), 1); err != nil {
		t.Fatal(err)
	}
	if live(t, root) != 1 {
		t.Errorf("state %d is live, want 1", live(t, root))
	}
	parked, err := filepath.Glob(filepath.Join(root, ".moss/root/.unsealed-*/usr/bin/b"))
	if err != nil || len(parked) != 1 {
		t.Errorf("the tree without a mark is gone: %v", parked)
	}
}

// TestPeerRollbackHidesNewerStates: after going back the newer state stays in the menu.
func TestPeerRollbackHidesNewerStates(t *testing.T) {
	root := twoStates(t)
	if _, err := system.Activate(t.Context(), options(root), 1); err != nil {
		t.Fatal(err)
	}
	menu, err := system.ReadMenu(options(root))
	if err != nil || len(menu.Entries) != 2 || menu.Entries[0].State != 1 || menu.Default != 1 {
		t.Errorf("got %+v, %v, want both states, 1 first and the default", menu, err)
	}
}

// TestPeerDefaultFollowsActivate: activating a state makes it the next boot's.
func TestPeerDefaultFollowsActivate(t *testing.T) {
	root := twoStates(t)
	for _, want := range []activate.ID{1, 2, 1} {
		if _, err := system.Activate(t.Context(), options(root), want); err != nil {
			t.Fatal(err)
		}
		if menu, err := system.ReadMenu(options(root)); err != nil || menu.Default != uint64(want) {
			t.Errorf("default %d, %v, want %d", menu.Default, err, want)
		}
	}
}

// TestPeerFileCollisionIsNotAnError: two packages of one path are refused, both named.
func TestPeerFileCollisionIsNotAnError(t *testing.T) {
	root := newRoot(t)
	install(t, options(root), base(), testutil.Stone{Name: "a", Files: testutil.Tree{"bin/x": "1"}})
	_, err := system.Transact(t.Context(), options(root), system.Change{Stones: write(t, testutil.Stone{Name: "b", Files: testutil.Tree{"bin/x": "2"}})})
	if err == nil || system.ExitCode(err) != 3 || !strings.Contains(err.Error(), "a 1") || !strings.Contains(err.Error(), "b 1") {
		t.Errorf("got %v", err)
	}
}

// TestPeerConflictsNeverEvaluated: declared conflicts are refused, both named.
func TestPeerConflictsNeverEvaluated(t *testing.T) {
	root := newRoot(t)
	install(t, options(root), base(), testutil.Stone{Name: "a", Files: testutil.Tree{"bin/a": "1"}, Provides: []string{"binary(vi)"}})
	_, err := system.Transact(t.Context(), options(root), system.Change{Stones: write(t,
		testutil.Stone{Name: "b", Conflicts: []string{"binary(vi)"}, Files: testutil.Tree{"bin/b": "2"}})})
	if err == nil || system.ExitCode(err) != 3 {
		t.Fatalf("got %v", err)
	}
	for _, name := range []string{"a", "b"} {
		if !slices.Contains(strings.FieldsFunc(err.Error(), func(r rune) bool { return strings.ContainsRune(" :,()", r) }), name) {
			t.Errorf("%q does not name %s", err, name)
		}
	}
}

// TestPeerEveryCommandTakesTheLock: questions are answered while a writer is at work.
func TestPeerEveryCommandTakesTheLock(t *testing.T) {
	root := twoStates(t)
	opt := options(root)
	asked := false
	opt.Log = func(line string) {
		if !strings.HasPrefix(line, "step stage:") {
			return
		}
		asked = true
		if all, err := system.States(options(root)); err != nil || len(all) != 2 {
			t.Errorf("states while a writer works: %v, %v", all, err)
		}
		if _, err := system.ReadMenu(options(root)); err != nil {
			t.Errorf("menu while a writer works: %v", err)
		}
	}
	install(t, opt, testutil.Stone{Name: "c", Files: testutil.Tree{"bin/c": "3"}})
	if !asked {
		t.Error("the writer was never watched")
	}
}

// TestPeerUserFilesAreCarriedIntoANewState: a stray file in /usr stays with the
// state it was put into.
func TestPeerUserFilesAreCarriedIntoANewState(t *testing.T) {
	root := twoStates(t)
	testutil.Tree{"usr/bin/stray": "mine", "etc/fstab": "mine", "var/lib/x": "mine"}.Create(t, root)
	install(t, options(root), testutil.Stone{Name: "c", Files: testutil.Tree{"bin/c": "3"}})
	if _, err := os.Lstat(filepath.Join(root, "usr/bin/stray")); !os.IsNotExist(err) {
		t.Error("the stray file is in the new state")
	}
	if testutil.Read(t, filepath.Join(root, ".moss/root/2/usr/bin/stray")) != "mine" {
		t.Error("the stray file was lost")
	}
	if testutil.Read(t, filepath.Join(root, "etc/fstab")) != "mine" || testutil.Read(t, filepath.Join(root, "var/lib/x")) != "mine" {
		t.Error("/etc or /var was written to")
	}
}
