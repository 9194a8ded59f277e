package activate_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"moss/internal/testutil"
	"moss/store/activate"
)

// installation makes a root from a description and opens it.
func installation(t testing.TB, tree testutil.Tree) *activate.Root {
	t.Helper()
	dir := t.TempDir()
	tree.Create(t, dir)
	return activate.Open(dir)
}

// sealed describes a tree that says it is id and holds one file to know it by.
func sealed(tree testutil.Tree, usr, id string) testutil.Tree {
	tree[usr+"/.stateID"] = id
	tree[usr+"/mark"] = "tree " + id
	return tree
}

// threeStates is live state 3 with states 1 and 2 archived.
func threeStates() testutil.Tree {
	tree := sealed(testutil.Tree{}, "usr", "3")
	sealed(tree, ".moss/root/1/usr", "1")
	return sealed(tree, ".moss/root/2/usr", "2")
}

// trees maps each tree under root to the mark inside it: "usr" is the live one,
// anything else a folder of .moss/root. An unmarked one is "".
func trees(t testing.TB, r *activate.Root) map[string]string {
	t.Helper()
	found := map[string]string{}
	look := func(name, usr string) {
		if _, err := os.Lstat(usr); err != nil {
			return
		}
		mark, err := os.ReadFile(filepath.Join(usr, "mark"))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		found[name] = string(mark)
	}
	look("usr", r.Usr())
	states := filepath.Join(r.Dir(), ".moss/root")
	names, err := os.ReadDir(states)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for _, name := range names {
		look(name.Name(), filepath.Join(states, name.Name(), "usr"))
	}
	return found
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func write(t testing.TB, path string, data []byte, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
