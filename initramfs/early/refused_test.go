package early

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"moss/internal/testutil"
	"moss/internal/testutil/need"
)

// What real file systems refuse: each sentence comes from the kernel's own error,
// and the live state boots.
func TestRefusedByRealFileSystems(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	for _, tt := range []struct {
		name   string
		change func(t *testing.T, c *choice)
		want   string
	}{
		{"EXDEV", func(t *testing.T, c *choice) {
			// Another file system holds the states.
			dir := filepath.Join(c.states.Dir(), ".moss/root")
			if err := os.Rename(dir, dir+".away"); err != nil {
				t.Fatal(err)
			}
			mountMemory(t, dir, 0)
			state(t, c.states.Archive(3), "3", "ok")
		}, "the two are on different file systems"},
		{"EBUSY", func(t *testing.T, c *choice) {
			tree := c.states.Archive(3)
			if err := unix.Mount(tree, tree, "", unix.MS_BIND, ""); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = unix.Unmount(tree, unix.MNT_DETACH) })
		}, "one of the two is in use as a mount point"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := system(t, "1 ok", map[string]string{"3": "ok"}).with("moss.fstx=3")
			tt.change(t, c)
			if err := c.run(); err != nil {
				t.Fatal(err)
			}
			if c.outcome.Activated != 1 || !strings.Contains(c.outcome.Reason, tt.want) || c.mark(t) != "tree 1" {
				t.Errorf("got %+v, want %q", c.outcome, tt.want)
			}
			if got := c.failedRecords(t)["3"]; !strings.Contains(got, tt.want) {
				t.Errorf("got the record %q", got)
			}
		})
	}
}

// readOnlyRoot is a root of which the kernel says that it cannot be made writable,
// as it does of an ext4 that has found errors: an overlay without an upper layer.
func readOnlyRoot(t *testing.T, lower string) string {
	t.Helper()
	dir, empty := t.TempDir(), t.TempDir()
	err := unix.Mount("overlay", dir, "overlay", unix.MS_RDONLY, "lowerdir="+lower+":"+empty)
	if err != nil {
		need.Machine(t, "no overlay to stand for a root that cannot be written: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

// A root that nobody can write boots what is live, with the reason in boot.json
// and on the console; the record cannot be, which is said.
func TestRootThatCannotBeWritten(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	made := system(t, "1 ok", map[string]string{"2": "ok", "3": "ok"})
	for _, tt := range []struct {
		line, want string
		activated  string
	}{
		{"moss.fstx=3", "make the root writable: read-only file system", "1"},
		{"moss.fstx=1", "", "1"},
		{"moss.fstx=9", "/.moss/root/9/usr is missing", "1"},
	} {
		b := bootOf(t, made.with(tt.line))
		b.Sysroot = readOnlyRoot(t, made.states.Dir())
		steps := []Step{{"mounted", (*Boot).adoptRoot}, {"activate", (*Boot).activate}, {"settle", (*Boot).settle}, {"report", (*Boot).writeReport}}
		if err := b.Run(steps); err != nil {
			t.Fatalf("%s: %v", tt.line, err)
		}
		if got := b.report; got.Activated.String() != tt.activated || !strings.Contains(got.Reason, tt.want) || got.Fallback != (tt.want != "") {
			t.Errorf("%s: got %+v", tt.line, got.Outcome)
		}
		said := screen(t, b)
		if tt.want != "" && !(strings.Contains(said, "could not be recorded") && strings.Contains(said, tt.want)) {
			t.Errorf("%s: got %q", tt.line, said)
		}
		if text, err := os.ReadFile(b.path("run/moss/boot.json")); err != nil || !strings.Contains(string(text), tt.want) {
			t.Errorf("%s: got %s, %v", tt.line, text, err)
		}
	}
}

// A root that the command line wants read-only becomes writable for the exchange
// and for what is recorded, and is read-only again.
func TestReadOnlyByChoice(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	dir := t.TempDir()
	mountMemory(t, dir, 0)
	state(t, filepath.Join(dir, "usr"), "1", "ok")
	state(t, filepath.Join(dir, ".moss/root/2/usr"), "2", "ok")
	state(t, filepath.Join(dir, ".moss/root/3/usr"), "3", "broken")
	testutil.Tree{".moss/boot/attempts": "2\n"}.Create(t, dir)
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{"moss.fstx=3": "2"} {
		c := (&choice{}).with(line)
		b := &Boot{Top: t.TempDir(), Sysroot: dir, line: c.line, kernel: runningNow, platform: &recorder{t: t}}
		steps := []Step{{"mounted", (*Boot).adoptRoot}, {"activate", (*Boot).activate}, {"settle", (*Boot).settle}, {"read-only", (*Boot).restoreReadOnly}}
		if err := b.Run(steps); err != nil || b.report.Activated.String() != want {
			t.Errorf("%s: got %+v, %v", line, b.report.Outcome, err)
		}
		if err := writes(dir); !errors.Is(err, unix.EROFS) {
			t.Errorf("%s: got %v, want a read-only root", line, err)
		}
		if got := readAttempts(dir); got.count != 2 {
			t.Errorf("%s: got %+v: only the wanted state ends the counting", line, got)
		}
		if _, err := os.Stat(filepath.Join(dir, ".moss/boot/failed/3")); err != nil {
			t.Error(err)
		}
	}
}
