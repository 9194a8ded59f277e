package system_test

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"moss/internal/system"
	"moss/store/activate"
	"moss/store/verify"
)

// publish indexes a folder of stones.
func publish(t testing.TB, dir string) {
	t.Helper()
	if _, err := system.Index(t.Context(), system.IndexOptions{Dir: dir, Now: options("").Now}); err != nil {
		t.Fatal(err)
	}
}

// addRepository configures a folder as an unsigned repository.
func addRepository(t testing.TB, root, dir string) {
	t.Helper()
	n := system.NewRepository{Name: "test", URI: dir, Unsigned: true}
	if _, err := system.AddRepository(t.Context(), options(root), n); err != nil {
		t.Fatal(err)
	}
}

func verifyAll(t testing.TB, root string) ([]verify.Finding, error) {
	t.Helper()
	return system.Verify(t.Context(), options(root), nil)
}

// recoverRoot is what any next command does first.
func recoverRoot(t testing.TB, root string) error {
	t.Helper()
	_, err := system.SyncMenu(t.Context(), options(root))
	return err
}

// prune keeps a random number of states; the live, the default and pinned ones
// stay whatever their age.
func (w *world) prune(rt *rapid.T, t *testing.T) {
	keep := rapid.IntRange(1, 5).Draw(rt, "keep")
	menu, err := system.ReadMenu(options(w.root))
	if err != nil {
		rt.Fatal(err)
	}
	if _, err := system.Prune(t.Context(), options(w.root), system.Policy{States: keep}); err != nil {
		rt.Fatal(err)
	}
	newest := slices.Sorted(maps.Keys(w.states))
	slices.Reverse(newest)
	for i, id := range newest {
		if i >= keep && id != w.live && id != activate.ID(menu.Default) && !w.pinned[id] {
			delete(w.states, id)
			delete(w.pinned, id)
		}
	}
	nothingIsLeftOver(t, w.root)
}
