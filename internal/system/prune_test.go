package system_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moss/internal/system"
	"moss/internal/testutil"
	"moss/store"
	"moss/store/state"
)

// five is a root with states 1 to 5, each with a kernel and a file of its own; the
// last is live.
func five(t testing.TB) (string, system.Options) {
	t.Helper()
	root := newRoot(t)
	install(t, options(root), base())
	for i := range 4 {
		install(t, options(root), testutil.Stone{Name: "app", Version: fmt.Sprint(i + 1), Files: testutil.Tree{"bin/app": fmt.Sprint("app ", i)}})
	}
	return root, options(root)
}

func ids(t testing.TB, opt system.Options) (all []state.ID) {
	t.Helper()
	states, err := system.States(opt)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range states {
		all = append(all, s.ID)
	}
	return all
}

func clean(t testing.TB, opt system.Options) {
	t.Helper()
	if found, err := system.Verify(t.Context(), opt, nil); err != nil {
		t.Errorf("%v: %v", err, found)
	}
}

func TestRemoveStates(t *testing.T) {
	root, opt := five(t)
	done, err := system.RemoveStates(t.Context(), opt, []state.ID{2, 4})
	if err != nil || done.Packages != 2 || done.Contents != 2 || done.Bytes == 0 {
		t.Errorf("got %+v, %v, want two packages with a content each", done, err)
	}
	if got := ids(t, opt); !slices.Equal(got, []state.ID{1, 3, 5}) {
		t.Errorf("got states %v", got)
	}
	for name := range entries(t, root) {
		if strings.Contains(name, "-2-") || strings.Contains(name, "-4-") {
			t.Errorf("entry %s is still there", name)
		}
	}
	clean(t, opt)
}

// TestProtectedStatesStay: and when one of several must stay, none goes.
func TestProtectedStatesStay(t *testing.T) {
	_, opt := five(t)
	if _, err := system.Pin(t.Context(), opt, []state.ID{2}, true); err != nil {
		t.Fatal(err)
	}
	next := opt
	next.NextBoot = true
	if _, err := system.Activate(t.Context(), next, 3); err != nil {
		t.Fatal(err)
	}
	for id, why := range map[state.ID]string{5: "live", 3: "default", 2: "pinned"} {
		_, err := system.RemoveStates(t.Context(), opt, []state.ID{1, id})
		if !errors.Is(err, store.ErrRefused) || !strings.Contains(err.Error(), why) {
			t.Errorf("state %d: got %v, want it refused as %s", id, err, why)
		}
	}
	if _, err := system.RemoveStates(t.Context(), opt, []state.ID{1, 99}); !errors.Is(err, state.ErrNotFound) {
		t.Errorf("got %v, want %v", err, state.ErrNotFound)
	}
	if got := len(ids(t, opt)); got != 5 {
		t.Errorf("got %d states, want all 5", got)
	}
	done, err := system.Prune(t.Context(), opt, system.Policy{States: 1})
	if err != nil || !slices.Equal(done.States, []state.ID{1, 4}) {
		t.Errorf("got %+v, %v, want states 1 and 4 gone", done, err)
	}
	clean(t, opt)
	if _, err := system.Pin(t.Context(), opt, []state.ID{2}, false); err != nil {
		t.Fatal(err)
	}
	if done, err := system.Prune(t.Context(), opt, system.Policy{States: 1}); err != nil || !slices.Equal(done.States, []state.ID{2}) {
		t.Errorf("got %+v, %v, want state 2 gone", done, err)
	}
}

func TestDryRunChangesNothing(t *testing.T) {
	root, opt := five(t)
	listed := func() []string {
		return slices.DeleteFunc(testutil.List(t, root), func(line string) bool {
			return strings.HasPrefix(line, ".moss/db/moss.sqlite-") // a reader of SQLite leaves its index beside it
		})
	}
	before := listed()
	opt.DryRun = true
	would, err := system.Prune(t.Context(), opt, system.Policy{States: 1})
	if err != nil || len(would.States) != 4 || !would.DryRun {
		t.Errorf("got %+v, %v, want four states", would, err)
	}
	if after := listed(); !slices.Equal(before, after) {
		t.Error("a dry run changed something")
	}
	opt.DryRun = false
	done, err := system.Prune(t.Context(), opt, system.Policy{States: 1})
	if err != nil || done.Bytes < would.Bytes || done.Packages != would.Packages || done.Contents != would.Contents {
		t.Errorf("got %+v, %v, the dry run said %+v", done, err, would)
	}
}

// TestNothingIsRemovedWithoutItsMenu: the entries go first; when they cannot, no
// tree goes either.
func TestNothingIsRemovedWithoutItsMenu(t *testing.T) {
	root, opt := five(t)
	efi := filepath.Join(root, "efi")
	if err := os.Rename(efi, efi+"-away"); err != nil {
		t.Fatal(err)
	}
	if done, err := system.RemoveStates(t.Context(), opt, []state.ID{1}); err == nil {
		t.Errorf("got %+v, want an error: there is no $BOOT", done)
	}
	if got := len(ids(t, opt)); got != 5 {
		t.Errorf("got %d states, want 5", got)
	}
	opt.NoBoot = true
	if _, err := system.RemoveStates(t.Context(), opt, []state.ID{1}); err != nil {
		t.Errorf("with --no-boot: %v", err)
	}
}

// TestPrunedRootHasNothingLeft: what remains is what a root that only
// ever had the live state has.
func TestPrunedRootHasNothingLeft(t *testing.T) {
	root, opt := five(t)
	testutil.Tree{".moss/root/.unsealed-1/usr/x": "x", ".moss/boot/failed/3": "reason: x\n", ".moss/cache/downloads/" + strings.Repeat("1", 64): "x"}.Create(t, root)
	if _, err := system.Prune(t.Context(), opt, system.Policy{States: 1}); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]int{"root": 0, "packages": 2, "manifests": 1, "cache/downloads": 0, "boot/failed": 0} {
		if names, _ := os.ReadDir(filepath.Join(root, ".moss", dir)); len(names) != want {
			t.Errorf("%s: got %v, want %d", dir, names, want)
		}
	}
	assets, _ := filepath.Glob(filepath.Join(root, ".moss/assets/??/*"))
	if len(assets) != 5 {
		t.Errorf("got %d assets, want those of the live state: %v", len(assets), assets)
	}
	clean(t, opt)
}
