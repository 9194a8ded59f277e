package early

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"moss/internal/testutil"
)

func TestUsrReadOnlyOnlyWhenAsked(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	for line, c := range map[string]struct {
		protected bool
		said      string
	}{
		"moss.fstx=3": {}, "moss.usr=rw": {}, "moss.usr=rw moss.usr=ro": {protected: true},
		"moss.usr=read-only": {said: "moss.usr=read-only is not known (ro or rw)"},
	} {
		b := machine(t, line)
		b.Sysroot = filepath.Join(b.Top, "sysroot")
		mountMemory(t, b.Sysroot, unix.MS_NOSUID)
		testutil.Tree{"usr/lib/": ""}.Create(t, b.Sysroot)
		if err := b.protectUsr(); err != nil {
			t.Fatal(err)
		}
		if err := writes(filepath.Join(b.Sysroot, "usr")); errors.Is(err, unix.EROFS) != c.protected {
			t.Errorf("%s: got %v, want a read-only /usr: %v", line, err, c.protected)
		}
		var info unix.Statfs_t
		if err := unix.Statfs(filepath.Join(b.Sysroot, "usr"), &info); err != nil || info.Flags&unix.ST_NOSUID == 0 {
			t.Errorf("%s: got flags %#x, %v, want those of the root", line, info.Flags, err)
		}
		if err := writes(b.Sysroot); err != nil {
			t.Errorf("%s: the root: %v", line, err)
		}
		if got := screen(t, b); !strings.Contains(got, c.said) || c.said == "" && got != "" {
			t.Errorf("%s: got %q, want %q", line, got, c.said)
		}
		_ = unix.Unmount(filepath.Join(b.Sysroot, "usr"), unix.MNT_DETACH)
	}
}

// TestUsrThatCannotBeProtected boots all the same.
func TestUsrThatCannotBeProtected(t *testing.T) {
	b := machine(t, "moss.usr=ro")
	b.Sysroot = filepath.Join(b.Top, "sysroot")
	if err := b.protectUsr(); err != nil || !strings.Contains(screen(t, b), "moss.usr=ro: /usr stays writable: ") {
		t.Errorf("got %v, %q, want a warning", err, screen(t, b))
	}
}

// TestMountPointsAreMade: a root that was asked for read-only and has no /dev yet
// gets it, and is read-only afterwards.
func TestMountPointsAreMade(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	b := machine(t, "ro")
	b.Sysroot = filepath.Join(b.Top, "sysroot")
	mountMemory(t, b.Sysroot, 0)
	testutil.Tree{"proc/": "", "run": "-> /elsewhere"}.Create(t, b.Sysroot)
	if err := unix.Mount("", b.Sysroot, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	if err := b.adoptRoot(); err != nil {
		t.Fatal(err)
	}
	b.makeMountPoints()
	for _, name := range []string{"proc", "sys", "dev"} {
		if info, err := os.Lstat(filepath.Join(b.Sysroot, name)); err != nil || !info.IsDir() {
			t.Errorf("%s: %v, want a folder", name, err)
		}
	}
	if err := writes(b.Sysroot); !errors.Is(err, unix.EROFS) {
		t.Errorf("got %v, want the root read-only again", err)
	}
	// A link is not followed out of the root.
	mountMemory(t, b.path("run"), 0)
	if err := b.move("run"); err != nil || !strings.Contains(screen(t, b), "the root has no folder /run, which init needs") {
		t.Errorf("got %v, %q, want words", err, screen(t, b))
	}
}
