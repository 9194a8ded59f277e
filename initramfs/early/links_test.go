package early

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"moss/internal/testutil"
	"moss/store/activate"
)

// cutBeforeLinks is what a cut between an exchange and its links leaves: the
// wanted state is live already, and /sbin fits the one before.
func cutBeforeLinks(t *testing.T, b *Boot) {
	t.Helper()
	testutil.Tree{"usr/.stateID": "2", "usr/sbin/init": "0755:" + program(), "usr/bin/": "",
		"bin": "-> usr/bin", "sbin": "-> usr/bin"}.Create(t, b.Sysroot)
}

func sbin(t *testing.T, b *Boot) string {
	t.Helper()
	text, err := os.Readlink(filepath.Join(b.Sysroot, "sbin"))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Nothing is left to move, but the links must be put right all the same.
func TestLinksAfterCutBehindTheExchange(t *testing.T) {
	for line, wanted := range map[string]activate.ID{"moss.fstx=2": 2, "quiet": 0} {
		b := machine(t, line)
		b.Sysroot = t.TempDir()
		cutBeforeLinks(t, b)
		if err := errors.Join(b.adoptRoot(), b.activate(), b.makeLinks()); err != nil {
			t.Fatal(err)
		}
		if got := b.report.Outcome; got.Wanted != wanted || got.Activated != 2 || got.Fallback {
			t.Errorf("%s: got %+v", line, got)
		}
		if got := sbin(t, b); got != "usr/sbin" {
			t.Errorf("%s: got /sbin -> %s, want usr/sbin", line, got)
		}
	}
}

// A /usr that is no state is somebody else's, and so are the links to it.
func TestLinksOfNoState(t *testing.T) {
	b := machine(t, "quiet")
	b.Sysroot = t.TempDir()
	cutBeforeLinks(t, b)
	if err := os.Remove(filepath.Join(b.Sysroot, "usr/.stateID")); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(b.adoptRoot(), b.activate(), b.makeLinks()); err != nil {
		t.Fatal(err)
	}
	if got := sbin(t, b); got != "usr/bin" {
		t.Errorf("got /sbin -> %s, want it untouched", got)
	}
}

// A read-only root is opened for links that are wrong, and for nothing else.
func TestLinksOnReadOnlyRoot(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	b := machine(t, "moss.fstx=2")
	b.Sysroot = t.TempDir()
	mountMemory(t, b.Sysroot, 0)
	cutBeforeLinks(t, b)
	if err := unix.Mount("", b.Sysroot, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	for _, opened := range []bool{true, false} {
		if err := errors.Join(b.adoptRoot(), b.activate(), b.makeLinks()); err != nil {
			t.Fatal(err)
		}
		if got := sbin(t, b); got != "usr/sbin" || b.mounted.opened != opened {
			t.Errorf("got /sbin -> %s, root opened: %v, want %v", got, b.mounted.opened, opened)
		}
		if err := b.restoreReadOnly(); err != nil {
			t.Fatal(err)
		}
		if err := writes(b.Sysroot); !errors.Is(err, unix.EROFS) {
			t.Errorf("got %v, want the root to be read-only again", err)
		}
	}
	if got := screen(t, b); strings.Count(got, "/sbin was a link to usr/bin") > 1 {
		t.Errorf("got %q, want it said once", got)
	}
}
