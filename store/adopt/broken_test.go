package adopt_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"moss/internal/testutil"
	"moss/store/adopt"
	"moss/store/adopt/adopttest"
	"moss/store/state"
	"moss/store/stone"
)

// replace puts new bytes in the place of a file without touching other names of
// it: as a disk that loses a block, it changes one tree.
func replace(t testing.TB, path, content string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o444); err != nil {
		t.Fatal(err)
	}
}

func TestDamageIsToldAndTheStateMarked(t *testing.T) {
	t.Parallel()
	i := system(t)
	usr := i.Tree(adopttest.Archived, 2)
	replace(t, filepath.Join(usr, "share/base/text"), "another text")
	replace(t, filepath.Join(usr, "lib/libbase.so"), "no longer a symlink")
	for _, err := range []error{
		os.RemoveAll(filepath.Join(usr, "share/tool")), os.Remove(filepath.Join(usr, "bin/base")),
		os.Symlink("elsewhere", filepath.Join(usr, "bin/base")), unix.Mkfifo(filepath.Join(usr, "bin/fifo"), 0o600),
		os.Remove(filepath.Join(usr, "share/base/private")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	plan, s := take(t, i.Root)
	wantComplaint(t, plan, "2 share/base/text ", "has content")
	wantComplaint(t, plan, "2 lib/libbase.so ", "is a file, should be a symlink")
	wantComplaint(t, plan, "2 bin/base ", "is a symlink, should be a file")
	wantComplaint(t, plan, "2 share/tool/deep/er/file ", "is missing")
	wantComplaint(t, plan, "2 share/base/private ", "is missing")
	wantComplaint(t, plan, "2 bin/fifo ", "no state can hold")
	mark, err := os.ReadFile(i.Path("boot/failed/2"))
	if err != nil || !strings.HasPrefix(string(mark), "reason: verify: 6 paths are not as their packages have them, /usr/bin/base first\n") {
		t.Errorf("got mark %q, %v", mark, err)
	}
	for _, id := range []state.ID{1, 5} {
		if _, err := os.Stat(i.Path("boot/failed", id.String())); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("state %d is marked too: %v", id, err)
		}
		sameAsDisk(t, s, id)
	}
	// The manifest says how it should be: a later verify finds and mends it.
	m, err := s.Manifest(2)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, e := range m.Entries {
		got[e.Path] = fmt.Sprintf("%o %s %d", e.Mode, e.Target, e.Size)
		if e.Path == "share/base/text" && e.Hash != stone.HashOf([]byte("a text")) {
			t.Errorf("%s: the manifest has the hash of what is there", e.Path)
		}
	}
	want := map[string]string{"share/base/text": "100444  6", "lib/libbase.so": "120777 libbase.so.1 0", "share/tool/deep/er/file": "100444  4",
		"share/tool/deep/er": "40755  0", "share/base/private": "40700  0", "bin/base": "100555  9", "bin/fifo": ""}
	for path, line := range want {
		if got[path] != line {
			t.Errorf("the manifest has %s as %q, want %q", path, got[path], line)
		}
	}
}

// TestDamagedAssetIsNotLinked: a content that is whole nowhere must not get a name
// in the store, where it would be believed.
func TestDamagedAssetIsNotLinked(t *testing.T) {
	t.Parallel()
	i := system(t)
	hash := stone.HashOf([]byte("deep"))
	path := i.Path("assets/v2", adopttest.AssetName(hash))
	// All names of a content are one file: this damages states 2 and 5 at once.
	if err := os.WriteFile(path, []byte("dead"), 0o444); err != nil {
		t.Fatal(err)
	}
	plan, _ := take(t, i.Root)
	wantComplaint(t, plan, "2 share/tool/deep/er/file ", "has content")
	wantComplaint(t, plan, "5 share/tool/deep/er/file ", "has content")
	wantComplaint(t, plan, "0 share/tool/deep/er/file ", "nowhere whole")
	if found, _ := filepath.Glob(i.Path("assets/*/" + hash.String() + ".*")); len(found) != 0 {
		t.Errorf("the store has %v", found)
	}
}

// TestPhantomStateRow: a transaction that failed left its row behind, and
// AerynOS' moss lists it for ever.
func TestPhantomStateRow(t *testing.T) {
	t.Parallel()
	i := system(t)
	i.Make(adopttest.State{ID: 6, Created: then(), Place: adopttest.Nowhere})
	plan, s := take(t, i.Root)
	wantComplaint(t, plan, "6 ", "there is no tree of it")
	if d := cmp.Diff([]state.ID{1, 2, 5}, ids(plan)); d != "" {
		t.Error(d)
	}
	if _, err := s.State(6); !errors.Is(err, state.ErrNotFound) {
		t.Errorf("got %v, want state 6 unknown", err)
	}
}

// TestExchangeBeforeArchiveCut: the power failed after the exchange; the state
// that was live until then is in the staging folder, which the next transaction
// of AerynOS' moss would empty.
func TestExchangeBeforeArchiveCut(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(*adopttest.Installation) error{
		"before the folder": func(*adopttest.Installation) error { return nil },
		"after the folder":  func(i *adopttest.Installation) error { return os.Mkdir(i.Path("root/2"), 0o755) },
	} {
		t.Run(name, func(t *testing.T) {
			i := system(t)
			if err := errors.Join(os.Mkdir(i.Path("root/staging"), 0o755), os.Rename(i.Path("root/2/usr"), i.Path("root/staging/usr")),
				os.Remove(i.Path("root/2")), prepare(i)); err != nil {
				t.Fatal(err)
			}
			before := snapshot(t, i.Root)
			plan, s := take(t, i.Root)
			wantComplaint(t, plan, "2 ", "caught in root/staging")
			untouched(t, before, snapshot(t, i.Root))
			sameAsDisk(t, s, 2)
			if d := cmp.Diff(testutil.List(t, i.Path("root/staging/usr")), testutil.List(t, s.Usr(2))); d != "" {
				t.Error(d)
			}
			if err := s.Trees().Exchange(2); err != nil {
				t.Fatal(err)
			}
			if live, err := s.Active(); live != 2 || err != nil {
				t.Errorf("got state %d live, want 2: %v", live, err)
			}
		})
	}
}

// TestUnfinishedTransaction: a staged tree with the highest number may have been
// on its way in, without what triggers make.
func TestUnfinishedTransaction(t *testing.T) {
	t.Parallel()
	i := system(t)
	i.Make(adopttest.State{ID: 6, Created: then(), Stones: []string{(testutil.Stone{Name: "other", Files: testutil.Tree{"bin/other": "other"}}).Write(t, t.TempDir())}, Place: adopttest.Staged})
	_, s := take(t, i.Root)
	row, err := s.State(6)
	if err != nil || !strings.Contains(row.Fault, "triggers may not have run") {
		t.Errorf("got fault %q, %v", row.Fault, err)
	}
	sameAsDisk(t, s, 6)
}

func TestStagingLeftovers(t *testing.T) {
	t.Parallel()
	i := system(t)
	testutil.Tree{"usr/bin/half": "half"}.Create(t, i.Path("root/staging"))
	plan, err := planOf(t, i.Root, false)
	if err != nil {
		t.Fatal(err)
	}
	wantComplaint(t, plan, "0 ", "unfinished tree")
	testutil.Tree{"usr/.stateID": "2"}.Create(t, i.Path("root/staging"))
	if plan, err = planOf(t, i.Root, false); err != nil {
		t.Fatal(err)
	}
	wantComplaint(t, plan, "2 ", "second tree of it")
}

func TestTreesThatAreNotStates(t *testing.T) {
	t.Parallel()
	i := system(t)
	testutil.Tree{"7/usr/bin/x": "x", "8/usr/.stateID": "8", "9/usr/.stateID": "2", "10/usr/.stateID": "", "11/": ""}.Create(t, i.Path("root"))
	before := snapshot(t, i.Root)
	plan, err := planOf(t, i.Root, false)
	if err != nil {
		t.Fatal(err)
	}
	wantComplaint(t, plan, "7 ", "no valid .stateID")
	wantComplaint(t, plan, "8 ", "database does not have it")
	wantComplaint(t, plan, "9 ", "second tree of state 2")
	wantComplaint(t, plan, "10 ", "no valid .stateID")
	plan, s := take(t, i.Root)
	if d := cmp.Diff([]state.ID{1, 2, 5}, ids(plan)); d != "" {
		t.Error(d)
	}
	untouched(t, before, snapshot(t, i.Root))
	// A number that a folder has is not given to a new state.
	if usr := rebuild(t, s, 5); filepath.Base(filepath.Dir(usr)) != "12" {
		t.Errorf("the new state is in %s, want 12", usr)
	}
}

// TestMisnamedFolder: the tree is believed; opening the store has mended the name.
func TestMisnamedFolder(t *testing.T) {
	t.Parallel()
	i := system(t)
	if err := os.Rename(i.Path("root/2"), i.Path("root/3")); err != nil {
		t.Fatal(err)
	}
	plan, err := planOf(t, i.Root, false)
	if err != nil {
		t.Fatal(err)
	}
	wantComplaint(t, plan, "3 ", "holds the tree of state 2")
	if d := cmp.Diff([]state.ID{1, 2, 5}, ids(plan)); d != "" {
		t.Error(d)
	}
	plan, s := take(t, i.Root)
	wantNoProblems(t, plan)
	sameAsDisk(t, s, 2)
}

// TestPackageThatTheDatabaseLost: the state stays usable, its files have no owner.
func TestPackageThatTheDatabaseLost(t *testing.T) {
	t.Parallel()
	i := system(t)
	i.Exec("install", `DELETE FROM meta WHERE name = 'tool'`)
	plan, s := take(t, i.Root)
	wantComplaint(t, plan, "5 ", "does not describe")
	m := sameAsDisk(t, s, 5)
	for _, e := range m.Entries {
		if e.Path == "bin/tool" && m.Packages[e.Owner] != adopt.Owner {
			t.Errorf("bin/tool belongs to %s", m.Packages[e.Owner])
		}
	}
}
