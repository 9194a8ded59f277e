package system_test

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"moss/internal/testutil"
)

// medium is a real file system in a file.
type medium struct {
	t   *testing.T
	dir string
}

// newMedium makes and mounts one; it must be called privately.
func newMedium(t *testing.T, kind string, size int64, options ...string) medium {
	t.Helper()
	image := filepath.Join(testutil.Memory(t, "2g"), kind+".img")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, size); err != nil {
		t.Fatal(err)
	}
	m := medium{t, t.TempDir()}
	testutil.Run(t, "mkfs."+kind, append(append([]string{"-q"}, options...), image)...)
	testutil.Run(t, "mount", "-o", "loop", image, m.dir)
	t.Cleanup(func() { testutil.Run(t, "umount", m.dir) })
	return m
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
