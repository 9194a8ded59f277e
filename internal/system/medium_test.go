package system_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// privately runs a test again in a mount namespace of its own and reports what
// it says; in there it returns true. Whatever is mounted goes with the process,
// however it ends.
func privately(t *testing.T) bool {
	t.Helper()
	const inside = "MOSS_TEST_PRIVATE"
	if os.Getenv(inside) != "" {
		return true
	}
	if os.Getuid() != 0 {
		t.Skip("mounting a file system needs root")
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), inside+"=1", "TMPDIR="+t.TempDir())
	cmd.SysProcAttr = &unix.SysProcAttr{Unshareflags: unix.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	} else if bytes.Contains(out, []byte("--- SKIP")) {
		t.Skipf("%s", out)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "figure:") {
			t.Log(strings.TrimSpace(line))
		}
	}
	return false
}

// medium is a real file system in a file.
type medium struct {
	t   *testing.T
	dir string
}

// newMedium makes and mounts one; it must be called privately.
func newMedium(t *testing.T, kind string, size int64, options ...string) medium {
	t.Helper()
	program := "mkfs." + kind
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("%s is not installed (Debian: e2fsprogs, xfsprogs)", program)
	}
	// The image lies in memory: what is tested is the file system, not the disk.
	memory := t.TempDir()
	if err := unix.Mount("moss-test", memory, "tmpfs", 0, "size=2g"); err != nil {
		t.Fatal(err)
	}
	image := filepath.Join(memory, kind+".img")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, size); err != nil {
		t.Fatal(err)
	}
	m := medium{t, t.TempDir()}
	m.run(program, append(append([]string{"-q"}, options...), image)...)
	m.run("mount", "-o", "loop", image, m.dir)
	t.Cleanup(func() {
		m.run("umount", m.dir)
		m.run("umount", memory)
	})
	return m
}

func (m medium) run(name string, args ...string) {
	m.t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		m.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// free is what an unprivileged writer has left, in bytes.
func (m medium) free() uint64 {
	var fs unix.Statfs_t
	if err := unix.Statfs(m.dir, &fs); err != nil {
		m.t.Fatal(err)
	}
	return fs.Bavail * uint64(fs.Bsize)
}

// leave takes all space but about want bytes; release gives it back.
func (m medium) leave(want uint64) (release func()) {
	path := filepath.Join(m.dir, "ballast")
	release = func() { os.Remove(path) }
	have := m.free()
	if have <= want {
		return release
	}
	f, err := os.Create(path)
	if err != nil {
		m.t.Error(err)
		return release
	}
	defer f.Close()
	// The file system needs some of it for itself: ask for less until it fits.
	for size := have - want; size > 0; size -= min(size, 64<<10) {
		if err := unix.Fallocate(int(f.Fd()), 0, 0, int64(size)); err == nil {
			return release
		}
	}
	return release
}
