//go:build faultinject

package system_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moss/internal/system"
	"moss/store/state"
)

// TestRemovalInChild does nothing by itself: the test below runs it in a process
// of its own, which dies at a point.
func TestRemovalInChild(t *testing.T) {
	root := os.Getenv("MOSS_TEST_REMOVAL")
	if root == "" {
		return
	}
	var err error
	if os.Getenv("MOSS_TEST_REPAIR") != "" {
		_, err = system.Repair(context.Background(), options(root))
	} else {
		_, err = system.RemoveStates(context.Background(), options(root), []state.ID{2, 3})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// dies runs the child and expects it not to end well.
func dies(t *testing.T, root, fault string, more ...string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestRemovalInChild$")
	cmd.Env = append(append(os.Environ(), "MOSS_TEST_REMOVAL="+root, "MOSS_FAULT="+fault), more...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		t.Fatalf("nothing happened at %s (%v): the point is not passed\n%s", fault, err, out)
	}
}

// TestEveryCutOfARemoval: at no moment is there an entry without its tree or a
// state without its parts, and the next removal leaves nothing behind.
func TestEveryCutOfARemoval(t *testing.T) {
	for _, kind := range []string{"kill", "error", "panic"} {
		for _, point := range []string{"prune/menu", "menu/drop", "menu/done", "prune/state", "prune/rows", "prune/assets", "prune/done"} {
			t.Run(kind+"/"+point, func(t *testing.T) {
				t.Parallel()
				root, opt := five(t)
				dies(t, root, point+":"+kind)
				everyEntryHasItsTree(t, root)
				left := slices.DeleteFunc(ids(t, opt), func(id state.ID) bool { return id != 2 && id != 3 })
				if _, err := system.RemoveStates(t.Context(), opt, left); err != nil {
					t.Errorf("the next removal: %v", err)
				}
				clean(t, opt)
				for dir, want := range map[string]int{"root": 2, "packages": 3, "manifests": 3} {
					if names, _ := os.ReadDir(filepath.Join(root, ".moss", dir)); len(names) != want {
						t.Errorf("%s: got %v, want %d", dir, names, want)
					}
				}
			})
		}
	}
}

func everyEntryHasItsTree(t *testing.T, root string) {
	t.Helper()
	for name := range entries(t, root) {
		id := strings.Split(name, "-")[2]
		_, archived := os.Lstat(filepath.Join(root, ".moss/root", id, "usr/.stateID"))
		if archived != nil && live(t, root).String() != id {
			t.Errorf("entry %s has no tree: %v", name, archived)
		}
	}
}

// TestEveryCutOfARepair: a second repair ends where an uncut one ends.
func TestEveryCutOfARepair(t *testing.T) {
	for _, kind := range []string{"kill", "error", "panic"} {
		for _, point := range []string{"repair/asset", "repair/place", "repair/done"} {
			t.Run(kind+"/"+point, func(t *testing.T) {
				t.Parallel()
				root, opt := five(t)
				// A twin of the content keeps it mendable.
				harm(t, filepath.Join(root, "usr/bin/app"))
				twin := filepath.Join(root, ".moss/root/4/usr/bin/app")
				if err := errors.Join(os.Remove(twin), os.Remove(filepath.Join(root, "usr/sbin/init"))); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(root, "usr/stray"), []byte("mine"), 0o644); err != nil {
					t.Fatal(err)
				}
				if err := os.Chmod(filepath.Join(root, ".moss/root/3/usr/bin/app"), 0o600); err != nil {
					t.Fatal(err)
				}
				dies(t, root, point+":"+kind, "MOSS_TEST_REPAIR=1")
				// The last copy of the live state's own file is gone for good; bring it back.
				if err := os.WriteFile(filepath.Join(root, "usr/bin/app"), []byte("app 3"), 0o644); err != nil {
					t.Fatal(err)
				}
				if found, err := system.Repair(t.Context(), opt); err != nil {
					t.Errorf("the next repair: %v: %v", err, found)
				}
				clean(t, opt)
				if body, err := os.ReadFile(filepath.Join(root, ".moss/lost+found/5/stray")); string(body) != "mine" {
					t.Errorf("the stray file: got %q, %v", body, err)
				}
				if left, _ := filepath.Glob(filepath.Join(root, ".moss/assets/stage/*")); left != nil {
					t.Errorf("left: %v", left)
				}
			})
		}
	}
}
