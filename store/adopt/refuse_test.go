package adopt_test

import (
	"bytes"
	"errors"
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
)

// refused checks that root is not taken over, for a reason and with advice, and
// that looking left it as it was.
func refused(t *testing.T, root, why string) {
	t.Helper()
	before := snapshot(t, root)
	_, err := planOf(t, root, false)
	if _, ok := errors.AsType[*adopt.RefusedError](err); !ok || !strings.Contains(err.Error(), why) {
		t.Errorf("got %v, want a refusal that says %q", err, why)
	}
	if d := cmp.Diff(before, snapshot(t, root)); d != "" {
		t.Error(d)
	}
}

func TestNoInstallation(t *testing.T) { refused(t, t.TempDir(), "there is no AerynOS installation") }

// TestLegacyUsrSymlink: once /usr was a symlink into the current state's folder.
func TestLegacyUsrSymlink(t *testing.T) {
	t.Parallel()
	i := system(t)
	if err := errors.Join(os.Rename(i.Tree(adopttest.Live, 5), i.Path("root/usr5")), os.Symlink(".moss/root/2/usr", i.Tree(adopttest.Live, 5))); err != nil {
		t.Fatal(err)
	}
	refused(t, i.Root, "/usr is a symlink to .moss/root/2/usr")
}

// TestUnsyncedStateID: a power cut left an empty .stateID in the live tree.
func TestUnsyncedStateID(t *testing.T) {
	t.Parallel()
	i := system(t)
	if err := os.Truncate(filepath.Join(i.Root, "usr/.stateID"), 0); err != nil {
		t.Fatal(err)
	}
	refused(t, i.Root, "does not say which state it is")
}

func TestLiveStateWithoutARow(t *testing.T) {
	t.Parallel()
	i := system(t)
	i.Exec("state", `DELETE FROM state WHERE id = 5`)
	refused(t, i.Root, "live state 5 is not in AerynOS' database")
}

func TestOtherSchema(t *testing.T) {
	t.Parallel()
	i := system(t)
	i.Exec("layout", `PRAGMA user_version = 2`)
	refused(t, i.Root, "it has version 2, known is 1")
}

func TestStoreWithStatesOfItsOwn(t *testing.T) {
	t.Parallel()
	i := system(t)
	_, s := take(t, i.Root)
	rebuild(t, s, 5)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := planOf(t, i.Root, false)
	if _, ok := errors.AsType[*adopt.RefusedError](err); !ok || !strings.Contains(err.Error(), "has a state 6 of its own (next)") {
		t.Errorf("got %v, want a refusal", err)
	}
}

func TestAerynOSIsAtWork(t *testing.T) {
	t.Parallel()
	i := system(t)
	f, err := os.Open(i.Path(".moss-lockfile"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	_, err = planOf(t, i.Root, false)
	if _, ok := errors.AsType[*adopt.LockedError](err); !ok {
		t.Errorf("got %v, want the lock named", err)
	}
}

// TestLockIsHeldMeanwhile: AerynOS' moss must wait until we have finished.
func TestLockIsHeldMeanwhile(t *testing.T) {
	t.Parallel()
	i := system(t)
	source, err := adopt.Open(i.Root)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(i.Path(".moss-lockfile"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); !errors.Is(err, unix.EWOULDBLOCK) {
		t.Errorf("got %v, want the lock taken", err)
	}
	if err := source.Close(); err != nil {
		t.Fatal(err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		t.Errorf("after Close: %v", err)
	}
}

// TestHotJournal: AerynOS' moss was cut in the middle of a database transaction.
// What it had written is rolled back in a copy; its own files stay as they are,
// for its own recovery.
func TestHotJournal(t *testing.T) {
	t.Parallel()
	i := system(t)
	// More than the cache holds, so that what is not committed is in the file.
	crash(t, i, `PRAGMA cache_size = 1; BEGIN; UPDATE state SET summary = 'to be undone'; CREATE TABLE filler (body);
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200) INSERT INTO filler SELECT zeroblob(10000) FROM n;`)
	if body, err := os.ReadFile(i.Path("db/state")); err != nil || !bytes.Contains(body, []byte("to be undone")) {
		t.Fatalf("there is nothing in the database to be rolled back: %v", err)
	}
	before := snapshot(t, i.Path("db"))
	plan, err := planOf(t, i.Root, false)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]state.ID{1, 2, 5}, ids(plan)); d != "" {
		t.Error(d)
	}
	for _, one := range plan.States {
		if one.Summary != "Install" && one.Summary != "Sync" {
			t.Errorf("state %d: summary %.20s was not rolled back", one.ID, one.Summary)
		}
	}
	if d := cmp.Diff(before, snapshot(t, i.Path("db"))); d != "" {
		t.Error(d)
	}
}

// crash leaves the state database as a power cut in the middle of statements
// would: the files are taken away while the transaction is open.
func crash(t *testing.T, i *adopttest.Installation, statements string) {
	t.Helper()
	i.Exec("state", statements)
	for _, name := range []string{"state", "state-journal"} {
		data, err := os.ReadFile(i.Path("db", name))
		if err != nil {
			t.Fatal(err)
		}
		testutil.Tree{name: ""}.Create(t, i.Path("cut"))
		if err := os.WriteFile(i.Path("cut", name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	i.Exec("state", `ROLLBACK`)
	for _, name := range []string{"state", "state-journal"} {
		if err := os.Rename(i.Path("cut", name), i.Path("db", name)); err != nil {
			t.Fatal(err)
		}
	}
}
