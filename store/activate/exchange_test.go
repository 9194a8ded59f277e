package activate_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moss/internal/testutil"
	"moss/store/activate"
)

func checkTrees(t *testing.T, r *activate.Root, want map[string]string) {
	t.Helper()
	if diff := cmp.Diff(want, trees(t, r)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestExchange(t *testing.T) {
	r := installation(t, threeStates())
	must(t, r.Exchange(1))
	want := map[string]string{"usr": "tree 1", "2": "tree 2", "3": "tree 3"}
	checkTrees(t, r, want)
	must(t, r.Exchange(1))
	checkTrees(t, r, want)
	must(t, r.Exchange(3))
	checkTrees(t, r, map[string]string{"usr": "tree 3", "1": "tree 1", "2": "tree 2"})
}

func TestExchangeRefuses(t *testing.T) {
	tree := threeStates()
	tree[".moss/root/4/usr/"] = ""
	sealed(tree, ".moss/root/5/usr", "6")
	r := installation(t, tree)
	before := trees(t, r)
	for id, reason := range map[activate.ID]string{4: "not sealed", 5: "says that it is state 6", 9: "/.moss/root/9/usr is missing"} {
		err := r.Exchange(id)
		if _, ok := errors.AsType[*activate.CannotBoot](err); !ok || !strings.Contains(err.Error(), reason) {
			t.Errorf("state %s: got %v, want %q", id, err, reason)
		}
		if (id == 4) != errors.Is(err, activate.ErrUnsealed) {
			t.Errorf("state %s: got %v, want ErrUnsealed for the unsealed tree only", id, err)
		}
	}
	checkTrees(t, r, before)
}

func TestExchangeKeepsUnsealedLiveTree(t *testing.T) {
	tree := threeStates()
	delete(tree, "usr/.stateID")
	tree["usr/mark"] = "made by hand"
	tree[".moss/root/.unsealed-1/usr/mark"] = "an older one"
	r := installation(t, tree)
	must(t, r.Exchange(2))
	checkTrees(t, r, map[string]string{"usr": "tree 2", "1": "tree 1", ".unsealed-1": "an older one", ".unsealed-2": "made by hand"})
}

func TestExchangeWithoutLiveTree(t *testing.T) {
	tree := marked(map[string]string{"1": "1", "2": "2"})
	r := installation(t, tree)
	must(t, r.Exchange(2))
	checkTrees(t, r, map[string]string{"usr": "tree 2", "1": "tree 1"})
	if _, err := os.Lstat(filepath.Join(r.Dir(), ".moss/root/2")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want the empty folder to be gone", err)
	}
}

// The number of the live tree is taken: by a sealed tree, by rubbish, by an
// empty folder. Nothing may be overwritten.
func TestExchangeOverwritesNothing(t *testing.T) {
	tree := threeStates()
	sealed(tree, ".moss/root/3/usr", "3")
	tree[".moss/root/3/usr/mark"] = "twin of 3"
	r := installation(t, tree)
	must(t, r.Exchange(2))
	checkTrees(t, r, map[string]string{"usr": "tree 2", "1": "tree 1", "3": "twin of 3", ".twin-3-1": "tree 3"})

	tree = threeStates()
	tree[".moss/root/3/usr/mark"] = "rubbish"
	r = installation(t, tree)
	must(t, r.Exchange(2))
	checkTrees(t, r, map[string]string{"usr": "tree 2", "1": "tree 1", "3": "tree 3", ".unsealed-1": "rubbish"})

	tree = threeStates()
	tree[".moss/root/3/"] = ""
	r = installation(t, tree)
	must(t, r.Exchange(2))
	checkTrees(t, r, map[string]string{"usr": "tree 2", "1": "tree 1", "3": "tree 3"})
}

// The state of the disk after a cut between the exchange and the rename.
func TestRecoverAfterCutBetweenExchangeAndRename(t *testing.T) {
	tree := sealed(testutil.Tree{}, "usr", "2")
	sealed(tree, ".moss/root/2/usr", "3")
	r := installation(t, tree)
	repairs, err := r.Recover()
	if err != nil || !cmp.Equal(repairs, []string{"state 3: its folder was named 2, renamed"}) {
		t.Errorf("got %q, %v", repairs, err)
	}
	checkTrees(t, r, map[string]string{"usr": "tree 2", "3": "tree 3"})
	must(t, r.Exchange(2))
	checkTrees(t, r, map[string]string{"usr": "tree 2", "3": "tree 3"})
}
