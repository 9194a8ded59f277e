package adopt_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"moss/internal/testutil"
	"moss/store"
	"moss/store/adopt"
	"moss/store/adopt/adopttest"
	"moss/store/asset"
	"moss/store/state"
	"moss/store/stone"
)

func TestEveryStateIsTakenOver(t *testing.T) {
	t.Parallel()
	i := system(t)
	plan, s := take(t, i.Root)
	wantNoProblems(t, plan)
	rows, err := s.States()
	if err != nil {
		t.Fatal(err)
	}
	var got []state.State
	explicit := map[state.ID]int{}
	for _, row := range rows {
		for _, sel := range row.Selections {
			if sel.Explicit {
				explicit[row.ID]++
			}
		}
		row.Selections = nil
		got = append(got, row)
	}
	want := []state.State{
		{ID: 1, Created: then(), Summary: "Install"},
		{ID: 2, Created: then().Add(time.Hour), Summary: "Install", Comment: "with the tool"},
		{ID: 5, Created: then().Add(2 * time.Hour), Summary: "Sync"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(map[state.ID]int{1: 1, 2: 1, 5: 2}, explicit); d != "" {
		t.Errorf("packages that a user asked for: %s", d)
	}
	for _, row := range rows {
		sameAsDisk(t, s, row.ID)
	}
}

func TestPackagesKeepWhatTheySay(t *testing.T) {
	t.Parallel()
	i := system(t)
	_, s := take(t, i.Root)
	chosen, err := s.Selected(5)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"base", "tool"}, chosen.Names()); d != "" {
		t.Fatal(d)
	}
	for _, p := range chosen.Packages {
		if p.Meta.Name == "tool" {
			want := []stone.Provider{{Kind: stone.KindName, Name: "base"}, {Kind: stone.KindSoname, Name: "libbase.so.1(x86_64)"}}
			if d := cmp.Diff(want, p.Meta.Depends); d != "" {
				t.Error(d)
			}
			if p.Files != 3 || p.Content != int64(len("a tool"+"a text"+"deep")) || p.StoneSize == 0 {
				t.Errorf("got %d files of %d bytes from a stone of %d, want 3 of 16 and not 0", p.Files, p.Content, p.StoneSize)
			}
		}
	}
}

// TestOwners: what packages brought is theirs, folders that are only implied are
// nobody's, what AerynOS' moss or a trigger wrote is the adoption's.
func TestOwners(t *testing.T) {
	t.Parallel()
	i := system(t)
	_, s := take(t, i.Root)
	m := sameAsDisk(t, s, 5)
	chosen, err := s.Selected(5)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{}
	for _, p := range chosen.Packages {
		names[p.ID] = p.Meta.Name
	}
	got := map[string]string{}
	for _, e := range m.Entries {
		if e.Owner >= 0 {
			got[e.Path] = names[m.Packages[e.Owner]]
			if m.Packages[e.Owner] == adopt.Owner {
				got[e.Path] = adopt.Owner
			}
		}
	}
	for path, want := range map[string]string{
		"bin/base": "base", "bin/tool": "tool", "share/base/private": "base", "lib": "", "share/tool/deep": "",
		"lib/os-release": adopt.Owner, "lib/system-model.kdl": adopt.Owner, "share/mime.cache": adopt.Owner, "share/cache/deep": adopt.Owner,
	} {
		if got[path] != want {
			t.Errorf("%s belongs to %q, want %q", path, got[path], want)
		}
	}
}

// TestContentsAreLinkedNotCopied: the store has every content of every tree, and
// of those that fit only names are new.
func TestContentsAreLinkedNotCopied(t *testing.T) {
	t.Parallel()
	i := system(t)
	plan, s := take(t, i.Root)
	assets := asset.View(i.Path("assets"))
	m, err := s.Manifest(5)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range m.Entries {
		if !e.IsRegular() || e.Size == 0 || m.Packages[e.Owner] == adopt.Owner {
			continue // what triggers wrote is a file of its own in each tree
		}
		var a, b unix.Stat_t
		if err := unix.Lstat(assets.Path(e.Layout), &a); err != nil {
			t.Errorf("%s: %v", e.Path, err)
			continue
		}
		if err := unix.Lstat(filepath.Join(s.Usr(5), e.Path), &b); err != nil || a.Ino != b.Ino {
			t.Errorf("%s: got another file, want a second name of the one in the tree (%v)", e.Path, err)
		}
	}
	if plan.Copies != 0 {
		t.Errorf("%d contents were copied, want none: all fit", plan.Copies)
	}
}

// TestModeUnionIsNotTakenForAPackagesWish: where two packages share a content,
// AerynOS' moss gives both names both modes. A state made here must not.
func TestModeUnionIsNotTakenForAPackagesWish(t *testing.T) {
	t.Parallel()
	i, dir := adopttest.New(t, t.TempDir()), t.TempDir()
	plain := testutil.Stone{Name: "plain", Files: testutil.Tree{"share/plain": "shared", "share/own": "own"}}.Write(t, dir)
	setuid := testutil.Stone{Name: "setuid", Files: testutil.Tree{"bin/setuid": "4755:shared"},
		Layouts: []stone.Layout{{Path: "share/group", Mode: unix.S_IFREG | 0o640, GID: 12, Hash: stone.HashOf([]byte("shared"))}}}.Write(t, dir)
	i.Make(adopttest.State{ID: 1, Created: then(), Stones: []string{plain, setuid}, Place: adopttest.Live})
	plan, s := take(t, i.Root)
	wantNoProblems(t, plan)
	sameAsDisk(t, s, 1)
	usr := rebuild(t, s, 1)
	for path, want := range map[string]uint32{"share/plain": 0o644, "bin/setuid": 0o4555, "share/own": 0o444, "share/group": 0o640} {
		var st unix.Stat_t
		if err := unix.Lstat(filepath.Join(usr, path), &st); err != nil {
			t.Fatal(err)
		}
		if st.Mode&0o7777 != want {
			t.Errorf("%s of a new state has mode %o, want %o", path, st.Mode&0o7777, want)
		}
		if path == "share/group" && st.Gid != 12 {
			t.Errorf("%s of a new state belongs to group %d, want 12", path, st.Gid)
		}
	}
	if plan.Copies != 2 {
		t.Errorf("%d contents were copied, want 2", plan.Copies)
	}
}

// rebuild makes a new state of an adopted one's packages and returns its tree.
func rebuild(t *testing.T, s *store.Store, id state.ID) string {
	t.Helper()
	chosen, err := s.Selected(id)
	if err != nil {
		t.Fatal(err)
	}
	planned, err := s.Plan(chosen, nil)
	if err != nil {
		t.Fatal(err)
	}
	stage, err := s.Stage(t.Context(), planned, nil)
	if err != nil {
		t.Fatal(err)
	}
	next, err := stage.Seal(state.State{Created: then(), Summary: "next", Selections: chosen.Selections()})
	if err != nil {
		t.Fatal(err)
	}
	return s.Usr(next)
}

func TestNextStateIsBuiltFromAdoptedPackages(t *testing.T) {
	t.Parallel()
	i := system(t)
	_, s := take(t, i.Root)
	usr := rebuild(t, s, 5)
	got, want := testutil.List(t, usr), testutil.List(t, s.Usr(5))
	want = slices.DeleteFunc(want, func(line string) bool {
		for _, name := range []string{".stateID", "lib/os-release", "lib/system-model.kdl", "share/mime.cache", "share/cache", "share/base/empty"} {
			if strings.HasPrefix(line, name) {
				return true
			}
		}
		return false
	})
	got = slices.DeleteFunc(got, func(line string) bool {
		// An empty file is made anew each time, so it gets what the package says.
		return strings.HasPrefix(line, ".stateID") || line == `share/base/empty -rw-r--r-- ""`
	})
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("the new tree differs from the adopted one in more than what no package has:\n%s", d)
	}
	// 5 was the highest number, and 6 was never used.
	if says, _ := os.ReadFile(filepath.Join(usr, ".stateID")); string(says) != "6" {
		t.Errorf("the new state is %s, want 6", says)
	}
}

// TestNumbersThatWereGivenAreNotGivenAgain: AerynOS' moss made states that it
// removed again; boot entries of them may be left.
func TestNumbersThatWereGivenAreNotGivenAgain(t *testing.T) {
	t.Parallel()
	i := system(t)
	i.Exec("state", `INSERT INTO state (id, type) VALUES (40, 'transaction')`)
	i.Exec("state", `DELETE FROM state WHERE id = 40`)
	_, s := take(t, i.Root)
	if usr := rebuild(t, s, 5); filepath.Base(filepath.Dir(usr)) != "41" {
		t.Errorf("the new state is in %s, want 41", usr)
	}
}

func TestNothingOfAerynOSChanges(t *testing.T) {
	t.Parallel()
	i := system(t)
	before := snapshot(t, i.Root)
	take(t, i.Root)
	untouched(t, before, snapshot(t, i.Root))
}

func TestPlanAloneWritesNothing(t *testing.T) {
	t.Parallel()
	i := system(t)
	before := snapshot(t, i.Root)
	plan, err := planOf(t, i.Root, false)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]state.ID{1, 2, 5}, ids(plan)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(before, snapshot(t, i.Root)); d != "" {
		t.Errorf("looking changed the root: %s", d)
	}
}

func TestSecondRunTakesNothing(t *testing.T) {
	t.Parallel()
	i := system(t)
	_, s := take(t, i.Root)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, i.Path("root"))
	plan, s := take(t, i.Root)
	if len(plan.States) != 0 || len(plan.Known) != 3 {
		t.Errorf("got %d states taken and %d known, want 0 and 3", len(plan.States), len(plan.Known))
	}
	if d := cmp.Diff(before, snapshot(t, i.Path("root"))); d != "" {
		t.Error(d)
	}
	sameAsDisk(t, s, 5)
}

// TestExactTrees: where AerynOS' moss does not use hard links, modes are what
// packages ask for and the files of the trees are not its assets.
func TestExactTrees(t *testing.T) {
	t.Parallel()
	i, dir := adopttest.New(t, t.TempDir()), t.TempDir()
	i.Exact = true
	file := base().Write(t, dir)
	i.Make(adopttest.State{ID: 1, Created: then(), Stones: []string{file}, Place: adopttest.Live})
	plan, s := take(t, i.Root)
	wantNoProblems(t, plan)
	sameAsDisk(t, s, 1)
	var st unix.Stat_t
	if err := unix.Lstat(filepath.Join(rebuild(t, s, 1), "bin/su"), &st); err != nil || st.Mode&0o7777 != 0o4755 {
		t.Errorf("bin/su of a new state has mode %o, want 4755 (%v)", st.Mode&0o7777, err)
	}
	if plan.Copies != 0 {
		t.Errorf("%d contents were copied, want none", plan.Copies)
	}
}

// TestSymlinkedFoldersAndRivals: AerynOS' moss puts what lies below a symlink
// where it leads, and of two packages with one path keeps the first.
func TestSymlinkedFoldersAndRivals(t *testing.T) {
	t.Parallel()
	i, dir := adopttest.New(t, t.TempDir()), t.TempDir()
	links := testutil.Stone{Name: "links", Files: testutil.Tree{"lib64": "-> lib", "lib/here": "here"}}.Write(t, dir)
	first := testutil.Stone{Name: "first", Files: testutil.Tree{"lib64/there": "there", "share/both": "of the first"}}.Write(t, dir)
	second := testutil.Stone{Name: "second", Files: testutil.Tree{"share/both": "of the second"}}.Write(t, dir)
	i.Make(adopttest.State{ID: 1, Created: then(), Stones: []string{links, first}, Place: adopttest.Archived})
	i.Make(adopttest.State{ID: 2, Created: then(), Stones: []string{links, first, second}, Place: adopttest.Live})
	plan, s := take(t, i.Root)
	sameAsDisk(t, s, 1)
	sameAsDisk(t, s, 2)
	if len(plan.Problems) != 1 {
		t.Errorf("got %d problems, want 1", len(plan.Problems))
	}
	wantComplaint(t, plan, "2 share/both ", "is in both first 1 and second 1")
	if body, err := os.ReadFile(filepath.Join(rebuild(t, s, 1), "lib/there")); string(body) != "there" {
		t.Errorf("a new state has %q, %v", body, err)
	}
}
