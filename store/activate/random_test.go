package activate_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"moss/internal/testutil"
	"moss/store/activate"
)

// points are the fault points of this package. Without the build tag
// faultinject nothing is cut there and the test plays whole runs only.
var points = []string{"", "activate/mending", "activate/exchanging", "activate/exchanged", "activate/renamed"}

// world is an installation whose trees are known: whatever is done to it, each
// of them must still be somewhere.
type world struct {
	root  *activate.Root
	all   []string
	ids   []activate.ID
	loose int // live trees without a seal so far
}

func newWorld(t *rapid.T, dir string) *world {
	w := &world{root: activate.Open(dir)}
	count := rapid.IntRange(2, 5).Draw(t, "states")
	live := rapid.IntRange(1, count).Draw(t, "live")
	for i := 1; i <= count; i++ {
		id := activate.ID(i)
		usr := w.root.Archive(id)
		if i == live {
			usr = w.root.Usr()
		}
		w.ids = append(w.ids, id)
		w.all = append(w.all, plant(t, usr, id))
	}
	slices.Sort(w.all)
	return w
}

func plant(t *rapid.T, usr string, id activate.ID) string {
	mark := "tree " + id.String()
	err := os.MkdirAll(usr, 0o755)
	if err == nil {
		err = os.WriteFile(filepath.Join(usr, "mark"), []byte(mark), 0o644)
	}
	if err == nil {
		err = activate.Seal(usr, id)
	}
	if err != nil {
		t.Fatal(err)
	}
	return mark
}

func TestNoTreeIsEverLost(t *testing.T) {
	defer os.Unsetenv("MOSS_FAULT")
	rapid.Check(testutil.Seeded(t), func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "root")
		if err != nil {
			rt.Fatal(err)
		}
		w := newWorld(rt, dir)
		rt.Repeat(map[string]func(*rapid.T){
			"": func(rt *rapid.T) { w.check(t, rt) },
			"activate": func(rt *rapid.T) {
				cut(rt)
				_ = w.root.Exchange(rapid.SampledFrom(w.ids).Draw(rt, "id"))
			},
			"recover": func(rt *rapid.T) {
				cut(rt)
				_, _ = w.root.Recover()
			},
			"unseal": func(rt *rapid.T) { w.unseal(rt) },
			"boot":   func(rt *rapid.T) { w.boot(rt) },
		})
	})
}

func cut(t *rapid.T) {
	point := rapid.SampledFrom(points).Draw(t, "cut")
	_ = os.Setenv("MOSS_FAULT", point+":error")
}

func (w *world) check(t *testing.T, rt *rapid.T) {
	got := slices.Sorted(maps.Values(trees(t, w.root)))
	if !slices.Equal(got, w.all) {
		rt.Fatalf("got trees %q, want %q", got, w.all)
	}
}

// unseal takes the live tree's number away, once in a run: as if somebody had
// tampered with it.
func (w *world) unseal(t *rapid.T) {
	id, err := activate.LiveID(w.root.Usr())
	if err != nil || w.loose > 0 {
		t.Skip("a draw that this step cannot use, not a test: unsealed already")
	}
	w.loose++
	if err := os.Remove(filepath.Join(w.root.Usr(), ".stateID")); err != nil {
		t.Fatal(err)
	}
	w.ids = slices.DeleteFunc(w.ids, func(other activate.ID) bool { return other == id })
}

// boot is recovery and activation without a cut: whatever happened before, the
// wanted state is live then and every other one is in its place.
func (w *world) boot(t *rapid.T) {
	_ = os.Unsetenv("MOSS_FAULT")
	want := rapid.SampledFrom(w.ids).Draw(t, "wanted")
	if _, err := w.root.Recover(); err != nil {
		t.Fatal(err)
	}
	if err := w.root.Exchange(want); err != nil {
		t.Fatal(err)
	}
	if got, err := activate.LiveID(w.root.Usr()); got != want || err != nil {
		t.Fatalf("got live state %v, %v, want %v", got, err, want)
	}
	archived, err := w.root.Archived()
	if err != nil || len(archived) != len(w.ids)-1 {
		t.Fatalf("got archived %v, %v, want all of %v but %v", archived, err, w.ids, want)
	}
	if wrong, err := w.root.Misnamed(); wrong != nil || err != nil {
		t.Fatalf("got misnamed %v, %v", wrong, err)
	}
}

// A cut of the exchange at every moment leaves the old or the new state live
// and every tree there; the next run finishes the work.
func TestExchangeCutAtEveryPoint(t *testing.T) {
	for _, point := range points {
		t.Run(point, func(t *testing.T) {
			r := installation(t, threeStates())
			t.Setenv("MOSS_FAULT", point+":error")
			err := r.Exchange(1)
			if want := injected && point != ""; (err != nil) != want {
				t.Errorf("got %v, want an error: %v", err, want)
			}
			if id, err := activate.LiveID(r.Usr()); err != nil || id != 1 && id != 3 {
				t.Errorf("got live state %v, %v, want the old or the new one", id, err)
			}
			t.Setenv("MOSS_FAULT", "")
			_, err = r.Recover()
			must(t, err)
			must(t, r.Exchange(1))
			checkTrees(t, r, map[string]string{"usr": "tree 1", "2": "tree 2", "3": "tree 3"})
		})
	}
}

func TestRecoverCutInACircle(t *testing.T) {
	r := installation(t, marked(map[string]string{"1": "2", "2": "3", "3": "1"}))
	t.Setenv("MOSS_FAULT", "activate/mending:error")
	if _, err := r.Recover(); (err != nil) != injected {
		t.Errorf("got %v, want an error only where faults are built in", err)
	}
	t.Setenv("MOSS_FAULT", "")
	_, err := r.Recover()
	must(t, err)
	checkTrees(t, r, map[string]string{"1": "tree 1", "2": "tree 2", "3": "tree 3"})
}
