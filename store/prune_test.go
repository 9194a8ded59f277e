package store_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"moss/internal/testutil"
	"moss/store"
	"moss/store/state"
	"moss/store/stone"
	"moss/store/tree"
)

// used is what the root takes on disk, each inode once.
func (m *machine) used() (sum int64) {
	m.t.Helper()
	seen := map[uint64]bool{}
	m.must(filepath.WalkDir(m.root, func(path string, _ os.DirEntry, err error) error {
		var st unix.Stat_t
		if err == nil && !strings.Contains(path, "/db") {
			err = unix.Lstat(path, &st)
		}
		if !seen[st.Ino] {
			sum += st.Blocks * 512
		}
		seen[st.Ino] = true
		return err
	}))
	return sum
}

func (m *machine) collect(without ...state.ID) (estimate, freed int64) {
	m.t.Helper()
	planned, err := m.s.Garbage(without, func(string) bool { return false })
	m.must(err)
	for _, id := range without {
		n, err := m.s.Remove(id)
		m.must(err)
		freed += n
	}
	left, err := m.s.Garbage(nil, func(string) bool { return false })
	m.must(err)
	n, err := m.s.Collect(left)
	m.must(err)
	return planned.Bytes, freed + n
}

func TestRemovedStateLeavesNothing(t *testing.T) {
	m, stones := two(t)
	for id := range stones {
		m.overwrite(filepath.Join(m.s.Downloads(), id), "stone")
	}
	large := strings.Repeat("x", 100_000)
	p := m.unpack(testutil.Stone{Name: "large", Files: testutil.Tree{"large": large}})
	third := m.make(request{add: p})
	before := m.used()
	estimate, freed := m.collect(1, third)
	if got := before - m.used(); got != freed || freed < 100_000 {
		t.Errorf("says that %d bytes were freed, in truth %d", freed, got)
	}
	if diff := freed - estimate; diff < 0 || diff > 20_000 {
		t.Errorf("estimated %d, freed %d", estimate, freed)
	}
	if got := m.verify(); len(got) != 0 {
		t.Errorf("after the removal: %q", got)
	}
	states, _ := m.s.States()
	packages, _ := m.s.Packages()
	if len(states) != 1 || len(packages) != 2 {
		t.Errorf("got %d states and %d packages, want 1 and 2", len(states), len(packages))
	}
	for dir, want := range map[string]int{"root": 0, "manifests": 1, "packages": 2, "cache/downloads": 2} {
		if names, _ := os.ReadDir(m.at(".moss/" + dir)); len(names) != want {
			t.Errorf("%s: got %v, want %d", dir, names, want)
		}
	}
	for _, body := range []string{large, "first"} {
		if _, err := os.Lstat(m.assetOf(body, 0o644)); err == nil {
			t.Errorf("the asset of %.5s is still there", body)
		}
	}
	if _, err := os.Lstat(m.assetOf("second", 0o644)); err != nil {
		t.Errorf("an asset of the live state is gone: %v", err)
	}
}

func TestOrphansAreGarbage(t *testing.T) {
	m, _ := two(t)
	kept := testutil.List(t, m.root)
	testutil.Tree{
		".moss/root/.unsealed-1/usr/a": "x", ".moss/root/.twin-2-1/usr/.stateID": "2", ".moss/root/9/usr/a": "never sealed",
		".moss/packages/" + strings.Repeat("0", 64): "x", ".moss/packages/x.new": "x", ".moss/manifests/9": "x", ".moss/manifests/.1.tmp-7": "x",
		".moss/cache/downloads/" + strings.Repeat("0", 64) + ".part": "x", ".moss/assets/00/rubbish": "x", ".moss/boot/failed/9": "reason: x\n",
	}.Create(t, m.root)
	if _, freed := m.collect(); freed < 10*4096 {
		t.Errorf("got %d bytes freed", freed)
	}
	left := slices.DeleteFunc(testutil.List(t, m.root), func(line string) bool {
		return strings.HasPrefix(line, ".moss/boot") || strings.HasPrefix(line, ".moss/db")
	})
	kept = slices.DeleteFunc(kept, func(line string) bool { return strings.HasPrefix(line, ".moss/db") })
	if !slices.Equal(left, kept) {
		t.Errorf("got  %q\nwant %q", left, kept)
	}
}

// TestRiddlesAreNotGarbage: nobody's sealed tree, a stranger's folder, and the
// download of a package that a repository offers.
func TestRiddlesAreNotGarbage(t *testing.T) {
	m, _ := two(t)
	testutil.Tree{".moss/root/9/usr/.stateID": "9", ".moss/root/backup/a": "x", ".moss/cache/downloads/offered": "x", ".moss/boot/failed/1": "reason: x\n"}.Create(t, m.root)
	g, err := m.s.Garbage(nil, func(id string) bool { return id == "offered" })
	if err != nil || !g.IsEmpty() {
		t.Errorf("got %+v, %v, want nothing", g, err)
	}
	m.overwrite(m.at(".moss/cache/downloads/other"), "x")
	if g, err = m.s.Garbage(nil, nil); err != nil || !g.IsEmpty() {
		t.Errorf("got %+v, %v, want nothing: the repositories are not known", g, err)
	}
}

// TestUnreadableRecordStopsTheCollector: what it needs is not known.
func TestUnreadableRecordStopsTheCollector(t *testing.T) {
	for _, record := range []string{".moss/manifests/1", ".moss/packages/*"} {
		m, _ := two(t)
		found, err := filepath.Glob(m.at(record))
		m.must(err)
		m.overwrite(found[0], "x")
		var unknown *store.UnknownError
		if _, err := m.s.Garbage(nil, nil); !errors.As(err, &unknown) || !errors.Is(err, tree.ErrManifest) {
			t.Errorf("%s: got %v, want an UnknownError", record, err)
		}
	}
}

func TestLiveStateIsNotRemoved(t *testing.T) {
	m, _ := two(t)
	if _, err := m.s.Remove(2); !errors.Is(err, store.ErrRefused) {
		t.Errorf("got %v, want a refusal", err)
	}
	if got := m.verify(); len(got) != 0 {
		t.Errorf("after the refusal: %q", got)
	}
}

// TestCutRemovalIsFinishedByOpen: the folder lost its name, the rest is there.
func TestCutRemovalIsFinishedByOpen(t *testing.T) {
	m, _ := two(t)
	m.must(os.Rename(m.at(".moss/root/1"), m.at(".moss/root/.stage-1")))
	m.reopen()
	if _, err := m.s.State(1); !errors.Is(err, state.ErrNotFound) {
		t.Errorf("got %v, want %v", err, state.ErrNotFound)
	}
	m.collect()
	if got := m.verify(); len(got) != 0 {
		t.Errorf("after recovery: %q", got)
	}
}

func TestUnique(t *testing.T) {
	m, _ := two(t)
	unique := func() (map[state.ID]int64, error) {
		rows, err := m.s.States()
		m.must(err)
		return m.s.Unique(rows)
	}
	got, err := unique()
	if err != nil || got[1] != int64(len("first")) || got[2] != int64(len("second")) {
		t.Errorf("got %v, %v, want 5 and 6 bytes", got, err)
	}
	// The same content in another package of another state is no longer its own.
	p := m.unpack(testutil.Stone{Name: "other", Files: testutil.Tree{"x": "first", "y": "first", "z": "new", "z2": "new"}})
	third := m.make(request{add: p})
	if got, err = unique(); err != nil || got[1] != 0 || got[third] != int64(len("new")) {
		t.Errorf("got %v, %v, want nothing of state 1 and 3 bytes of state %d", got, err, third)
	}
}

func TestPins(t *testing.T) {
	m, _ := two(t)
	m.must(m.s.SetPinned(1, true))
	if one, err := m.s.State(1); err != nil || !one.Pinned {
		t.Errorf("got %+v, %v, want it pinned", one, err)
	}
}

// large is a store with one live state of n files in folders of 50.
func large(b *testing.B, n int) *machine {
	m := newMachine(b)
	files := testutil.Tree{}
	for i := range n {
		files[fmt.Sprintf("share/%04d/file-%d", i/50, i)] = fmt.Sprint("content ", i)
	}
	begun := time.Now()
	m.activate(m.make(request{add: m.unpack(testutil.Stone{Name: "large", Files: files})}))
	b.Logf("made %d files in %v", n, time.Since(begun).Round(time.Millisecond))
	return m
}

func BenchmarkLargeState(b *testing.B) {
	m := large(b, 250_000)
	b.Run("garbage", func(b *testing.B) {
		for b.Loop() {
			if g, err := m.s.Garbage(nil, nil); err != nil || !g.IsEmpty() {
				b.Fatal(len(g.Files), err)
			}
		}
	})
	b.Run("unique", func(b *testing.B) {
		rows, err := m.s.States()
		m.must(err)
		for b.Loop() {
			if got, err := m.s.Unique(rows); err != nil || got[1] == 0 {
				b.Fatal(got, err)
			}
		}
	})
	b.Run("verify", func(b *testing.B) {
		for b.Loop() {
			if got := m.verify(); len(got) != 0 {
				b.Fatal(len(got))
			}
		}
	})
}

// TestTriggersOutputIsKept: it is in no package, the manifest alone names it.
func TestTriggersOutputIsKept(t *testing.T) {
	m, _ := two(t)
	made := stone.Layout{Path: "lib/zz-made", Mode: unix.S_IFREG | 0o644, Hash: stone.HashOf([]byte("made"))}
	recorded, err := m.s.Manifest(2)
	m.must(err)
	recorded.Packages = append(recorded.Packages, "trigger:maker")
	recorded.Entries = append(recorded.Entries, tree.Entry{Layout: made, Size: 4, Owner: len(recorded.Packages) - 1})
	slices.SortFunc(recorded.Entries, func(a, b tree.Entry) int { return strings.Compare(a.Path, b.Path) })
	m.overwrite(m.assetOf("made", 0o644), "made")
	m.must(os.Link(m.assetOf("made", 0o644), m.at("usr/lib/zz-made")))
	m.must(recorded.Save(m.at(".moss/manifests/2")))
	if got := m.verify(); len(got) != 0 {
		t.Errorf("got %q, want nothing", got)
	}
	if g, err := m.s.Garbage(nil, nil); err != nil || !g.IsEmpty() {
		t.Errorf("got %+v, %v, want no garbage", g, err)
	}
	m.must(os.Remove(m.assetOf("made", 0o644)))
	if got, want := m.verify(), m.spell([]string{"0 ASSET made 644 missing"}); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	m.repair(nil)
	if got := m.verify(); len(got) != 0 {
		t.Errorf("after the repair: %q", got)
	}
}
