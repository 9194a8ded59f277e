package qemutests

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"moss/internal/testutil"
	"moss/qemu-tests/debian"
	"moss/qemu-tests/world"
	"moss/store/adopt/adopttest"
)

// TestAdopt boots both states of a machine that AerynOS' moss had made and that
// was taken over when its disk was built.
func TestAdopt(t *testing.T) {
	inTurn(t, short)
	d := adoptedDisk(t)
	m := boot(t, d, "moss.fstx=1")
	m.report(report{Wanted: 1, Activated: 1})
	m.is("state 1 is live", "cat /usr/.stateID; cat /usr/share/mark", "11")
	m.is("archive", "cd /.moss/root && ls -d [0-9]*", "2")
	m.powerOff()

	m = boot(t, d, "moss.fstx=2")
	m.report(report{Wanted: 2, Activated: 2})
	m.is("state 2 is live", "cat /usr/.stateID; cat /usr/share/mark", "22")
	m.is("archive", "cd /.moss/root && ls -d [0-9]*", "1")
	m.is("what AerynOS' moss needs is there", "cd /.moss && ls db/state db/install db/layout .moss-lockfile && ls -d assets/v2", ".moss-lockfile db/install db/layout db/state assets/v2")
}

// adoptedDisk makes a root as AerynOS' moss would have left it, with state 2 live
// and state 1 archived, takes it over by the program, and builds a disk of it.
func adoptedDisk(t *testing.T) string {
	t.Helper()
	w, err := world.New(os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	stones, err := w.Pack(t.Context(), debian.Mini())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	root, err := w.NewRoot(filepath.Join(dir, "root"))
	if err != nil {
		t.Fatal(err)
	}
	installation := adopttest.New(t, root.Dir)
	for id, place := range map[int]adopttest.Place{1: adopttest.Archived, 2: adopttest.Live} {
		own := testutil.Stone{Name: "mark", Version: fmt.Sprint(id), Files: testutil.Tree{"share/mark": fmt.Sprint(id), "sbin/init": "0755:" + markInit}}
		installation.Make(adopttest.State{ID: id, Created: time.Unix(1_700_000_000+int64(id), 0),
			Stones: append(stones.Paths(), own.Write(t, dir)), Explicit: []string{"mark"}, Place: place})
	}
	for _, name := range []string{"proc", "sys", "dev", "run", "tmp"} {
		if err := os.Mkdir(filepath.Join(root.Dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"bin", "sbin", "lib", "lib64"} {
		if err := os.Symlink("usr/"+name, filepath.Join(root.Dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	adoptByProgram(t, root)
	built, err := root.Disk(t.Context(), filepath.Join(dir, "disk.raw"), 512<<20)
	if err != nil {
		t.Fatal(err)
	}
	return built.Path
}

// markInit leaves a shell at the console, as the init of the mini system does.
const markInit = `#!/usr/bin/dash
export PATH=/usr/bin:/usr/sbin
mount -t proc proc /proc 2>/dev/null
echo "adopted: state $(cat /usr/.stateID) is up"
exec dash -i
`

func adoptByProgram(t *testing.T, root *world.Root) {
	t.Helper()
	out, err := root.Moss(t.Context(), "state", "adopt")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out, "took over 2 states") {
		t.Errorf("moss state adopt said: %s", out)
	}
	if out, err = root.Moss(t.Context(), "state", "verify"); err != nil {
		t.Errorf("verify finds the adopted states damaged: %v\n%s", err, out)
	}
}
