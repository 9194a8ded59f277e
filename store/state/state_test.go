package state_test

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"moss/store/state"
	"moss/store/stone"
)

func open(t testing.TB, path string) *state.DB {
	t.Helper()
	db, err := state.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func fresh(t testing.TB) *state.DB { return open(t, filepath.Join(t.TempDir(), "db", "moss.sqlite")) }

func sample(name string) state.Package {
	need := stone.Provider{Kind: stone.KindSoname, Name: "libc.so.6(x86_64)"}
	return state.Package{ID: "id-" + name, StoneSize: 100, Content: 90, Files: 3, Repo: "main", Meta: stone.Meta{
		Name: name, Version: "1.2", Release: 3, BuildRelease: 4, Arch: "x86_64", Summary: "s", Description: "d", SourceID: name, Homepage: "h",
		Licenses: []string{"MIT"}, Depends: []stone.Provider{need},
		Provides: []stone.Provider{{Kind: stone.KindBinary, Name: name}}, Conflicts: []stone.Provider{{Name: "not-" + name}}}}
}

func add(t testing.TB, db *state.DB, s state.State) state.ID {
	t.Helper()
	id, err := db.AddState(s)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsRecordedComesBack(t *testing.T) {
	db := fresh(t)
	a, b, c := sample("a"), sample("b"), sample("c")
	must(t, db.AddPackages([]state.Package{c, a, b}))
	all, err := db.Packages()
	must(t, err)
	if diff := cmp.Diff([]state.Package{a, b, c}, all); diff != "" {
		t.Errorf("packages differ (-want +got):\n%s", diff)
	}
	want := state.State{Created: time.Unix(1_700_000_000, 0).UTC(), Summary: "s", Comment: "c", Pinned: true, Fault: "no kernel",
		Selections: []state.Selection{{Package: "id-a", Explicit: true}, {Package: "id-c"}}}
	want.ID = add(t, db, want)
	got, err := db.State(want.ID)
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("state differs (-want +got):\n%s", diff)
	}
	chosen, err := db.PackagesOf(want.ID)
	must(t, err)
	if diff := cmp.Diff([]state.Package{a, c}, chosen); diff != "" {
		t.Errorf("packages of the state differ (-want +got):\n%s", diff)
	}
	if _, err := db.Package("id-x"); !errors.Is(err, state.ErrNotFound) {
		t.Errorf("got %v, want %v", err, state.ErrNotFound)
	}
}

func TestPackageLearnsWhatWasNotKnown(t *testing.T) {
	db := fresh(t)
	from := sample("a")
	from.Content, from.Files, from.Repo = 0, 0, ""
	must(t, db.AddPackages([]state.Package{from}))
	must(t, db.AddPackages([]state.Package{sample("a")}))
	must(t, db.AddPackages([]state.Package{from})) // and forgets nothing
	got, err := db.Package("id-a")
	must(t, err)
	if diff := cmp.Diff(sample("a"), got); diff != "" {
		t.Errorf("package differs (-want +got):\n%s", diff)
	}
}

func TestSelectedPackageIsNotDropped(t *testing.T) {
	db := fresh(t)
	must(t, db.AddPackages([]state.Package{sample("a"), sample("b")}))
	id := add(t, db, state.State{Selections: []state.Selection{{Package: "id-a"}}})
	if err := db.DropPackages([]string{"id-b", "id-a"}); err == nil {
		t.Error("a package that a state selects was dropped")
	}
	if _, err := db.Package("id-b"); err != nil {
		t.Errorf("got %v, want b still there: all or none", err)
	}
	must(t, db.DropState(id))
	must(t, db.DropPackages([]string{"id-b", "id-a"}))
	if all, err := db.Packages(); err != nil || len(all) != 0 {
		t.Errorf("got %v, %v, want no package", all, err)
	}
}

func TestPin(t *testing.T) {
	db := fresh(t)
	id := add(t, db, state.State{})
	for _, pinned := range []bool{true, true, false} {
		must(t, db.SetPinned(id, pinned))
		if got, err := db.State(id); err != nil || got.Pinned != pinned {
			t.Errorf("got %v, %v, want pinned %v", got.Pinned, err, pinned)
		}
	}
	if err := db.SetPinned(id+1, true); !errors.Is(err, state.ErrNotFound) {
		t.Errorf("got %v, want %v", err, state.ErrNotFound)
	}
}

func TestNumberIsNeverGivenAgain(t *testing.T) {
	db := fresh(t)
	first := add(t, db, state.State{})
	must(t, db.DropState(first))
	if second := add(t, db, state.State{}); second <= first {
		t.Errorf("got %d after %d was removed", second, first)
	}
}

// first is the schema as version 1 wrote it, kept here as bytes on a disk are.
const first = `
CREATE TABLE package (id TEXT PRIMARY KEY, name TEXT NOT NULL, version TEXT NOT NULL, release INTEGER NOT NULL, build INTEGER NOT NULL,
	arch TEXT NOT NULL, summary TEXT NOT NULL, description TEXT NOT NULL, source TEXT NOT NULL, homepage TEXT NOT NULL, size INTEGER NOT NULL) STRICT;
CREATE TABLE relation (package TEXT NOT NULL REFERENCES package(id) ON DELETE CASCADE, role TEXT NOT NULL, kind INTEGER NOT NULL, name TEXT NOT NULL,
	PRIMARY KEY (package, role, kind, name)) STRICT, WITHOUT ROWID;
CREATE INDEX relation_name ON relation (role, kind, name);
CREATE TABLE state (id INTEGER PRIMARY KEY AUTOINCREMENT, created INTEGER NOT NULL, summary TEXT NOT NULL, comment TEXT NOT NULL, pinned INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE selection (state INTEGER NOT NULL REFERENCES state(id) ON DELETE CASCADE, package TEXT NOT NULL REFERENCES package(id), explicit INTEGER NOT NULL,
	PRIMARY KEY (state, package)) STRICT, WITHOUT ROWID;
INSERT INTO package VALUES ('p','old','1',1,1,'x86_64','','','','',7);
INSERT INTO state VALUES (5, 100, 'made by version 1', '', 1);
INSERT INTO selection VALUES (5,'p',1);
PRAGMA user_version=1;`

func writeOld(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "moss.sqlite")
	raw, err := sql.Open("sqlite", path)
	must(t, err)
	_, err = raw.Exec(text)
	must(t, errors.Join(err, raw.Close()))
	return path
}

// TestFirstVersion: a view reads it as it is, a writer migrates it, and both say the same.
func TestFirstVersion(t *testing.T) {
	path := writeOld(t, first)
	view, err := state.View(path)
	must(t, err)
	before := dump(t, view)
	must(t, view.Close())
	db := open(t, path)
	if diff := cmp.Diff(before, dump(t, db)); diff != "" {
		t.Errorf("migration changed (-before +after):\n%s", diff)
	}
	if len(before) != 3 {
		t.Errorf("got %q, want a state, its selection and a package", before)
	}
	if id := add(t, db, state.State{Fault: "f"}); id != 6 {
		t.Errorf("got state %d, want 6: numbers go on", id)
	}
	must(t, db.Close())
	if got := dump(t, open(t, path)); len(got) != 4 {
		t.Errorf("got %q after a second open", got)
	}
}

func dump(t *testing.T, db *state.DB) (lines []string) {
	t.Helper()
	states, err := db.States()
	must(t, err)
	for _, s := range states {
		lines = append(lines, fmt.Sprint(s.ID, s.Created, s.Summary, s.Comment, s.Pinned, s.Fault))
		chosen, err := db.PackagesOf(s.ID)
		must(t, err)
		for _, p := range chosen {
			lines = append(lines, fmt.Sprintf("%d selects %+v", s.ID, p))
		}
	}
	all, err := db.Packages()
	must(t, err)
	for _, p := range all {
		lines = append(lines, fmt.Sprintf("%+v", p))
	}
	return lines
}

func TestNewerVersionIsRefused(t *testing.T) {
	path := writeOld(t, "PRAGMA user_version=99;")
	var newer *state.VersionError
	if _, err := state.Open(path); !errors.As(err, &newer) || newer.Have != 99 {
		t.Errorf("got %v, want a VersionError", err)
	}
	if _, err := state.View(path); !errors.As(err, &newer) {
		t.Errorf("got %v, want a VersionError", err)
	}
}

func BenchmarkStates(b *testing.B) {
	db := fresh(b)
	var packages []state.Package
	var all []state.Selection
	for i := range 200 {
		packages = append(packages, sample(fmt.Sprint("p", i)))
		all = append(all, state.Selection{Package: packages[i].ID})
	}
	must(b, db.AddPackages(packages))
	for range 1000 {
		add(b, db, state.State{Selections: all})
	}
	for b.Loop() {
		if got, err := db.States(); err != nil || len(got) != 1000 || len(got[999].Selections) != 200 {
			b.Fatal(len(got), err)
		}
		if got, err := db.Packages(); err != nil || len(got) != 200 {
			b.Fatal(len(got), err)
		}
	}
}
