package activate_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"moss/store/activate"
)

// TestUnreadableStateHidesNoOther: on a damaged disk the states that can be read are
// worth all the more.
func TestUnreadableStateHidesNoOther(t *testing.T) {
	r := installation(t, threeStates())
	tree := filepath.Join(r.Dir(), ".moss/root/2/usr")
	if err := errors.Join(os.RemoveAll(tree), os.Symlink(strings.Repeat("x", 300), tree)); err != nil {
		t.Fatal(err)
	}
	ids, err := r.Archived()
	if !slices.Equal(ids, []activate.ID{1}) || !errors.Is(err, unix.ENAMETOOLONG) {
		t.Errorf("got %v, %v, want state 1 and why the other cannot be read", ids, err)
	}
}

// TestUnreadableLiveStateMakesWay: it may be why another one is wanted. Nothing of
// it is lost.
func TestUnreadableLiveStateMakesWay(t *testing.T) {
	r := installation(t, threeStates())
	seal := filepath.Join(r.Usr(), ".stateID")
	if err := errors.Join(os.Remove(seal), unix.Mknod(seal, unix.S_IFSOCK|0o644, 0)); err != nil {
		t.Fatal(err)
	}
	if err := r.Exchange(2); !errors.Is(err, unix.ENXIO) {
		t.Errorf("got %v, want that the old tree cannot be told", err)
	}
	checkTrees(t, r, map[string]string{"usr": "tree 2", "1": "tree 1", "2": "tree 3"})
	must(t, errors.Join(os.Remove(filepath.Join(r.Archive(2), ".stateID")), activate.Seal(r.Archive(2), 3)))
	if _, err := r.Recover(); err != nil {
		t.Error(err)
	}
	checkTrees(t, r, map[string]string{"usr": "tree 2", "1": "tree 1", "3": "tree 3"})
}
