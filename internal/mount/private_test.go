package mount_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"moss/internal/mount"
	"moss/internal/testutil"
)

// loop is an ext4 on a loop device.
func loop(t *testing.T, options ...string) string {
	t.Helper()
	image := filepath.Join(testutil.Memory(t, "8m"), "image")
	if err := os.WriteFile(image, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	testutil.Run(t, "mkfs.ext4", "-q", image)
	return testutil.Loop(t, image, options...)
}

func flags(t *testing.T, dir string) int64 {
	t.Helper()
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	return st.Flags & (unix.ST_NOSUID | unix.ST_NODEV | unix.ST_NOEXEC | unix.ST_RDONLY)
}

func TestPrivate(t *testing.T) {
	if !testutil.Privately(t) {
		return
	}
	const safe = unix.ST_NOSUID | unix.ST_NODEV | unix.ST_NOEXEC
	types := []string{"nonsense", "xfs", "ext4"}
	node, protected := loop(t), loop(t, "--read-only")
	for _, c := range []struct {
		name, node string
		readOnly   bool
		want       int64
	}{
		{"writable", node, false, safe},
		{"read-only, while it is writable elsewhere", node, true, safe | unix.ST_RDONLY},
		{"write-protected", protected, false, safe | unix.ST_RDONLY},
	} {
		dir := t.TempDir()
		if err := mount.Private(c.node, dir, types, c.readOnly); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		t.Cleanup(func() {
			if err := mount.Unmount(dir); err != nil {
				t.Error(err)
			}
		})
		if got := flags(t, dir); got != c.want {
			t.Errorf("%s: got flags %#x, want %#x", c.name, got, c.want)
		}
	}
}

func TestReadOnlyBecomesWritable(t *testing.T) {
	if !testutil.Privately(t) {
		return
	}
	node := loop(t)
	first, second := t.TempDir(), t.TempDir()
	if err := mount.Private(node, first, []string{"ext4"}, true); err != nil {
		t.Fatal(err)
	}
	defer mount.Unmount(first)
	if err := mount.Private(node, second, []string{"ext4"}, false); !errors.Is(err, unix.EBUSY) {
		t.Fatalf("got %v, want that it is busy", err)
	}
	if err := mount.Private(node, second, []string{"ext4"}, true); err != nil {
		t.Fatal(err)
	}
	defer mount.Unmount(second)
	if err := mount.Writable(second); err != nil {
		t.Fatal(err)
	}
	if a, b := flags(t, first)&unix.ST_RDONLY, flags(t, second)&unix.ST_RDONLY; a == 0 || b != 0 {
		t.Errorf("got read-only %v and %v, want the first alone", a != 0, b != 0)
	}
}

func TestUnmount(t *testing.T) {
	if !testutil.Privately(t) {
		return
	}
	dir := t.TempDir()
	if err := mount.Unmount(dir); err != nil {
		t.Errorf("got %v for a plain folder", err)
	}
	if err := mount.Unmount(filepath.Join(dir, "absent")); err == nil {
		t.Error("got no error for what is not there")
	}
	if err := mount.Private(loop(t), dir, []string{"ext4"}, false); err != nil {
		t.Fatal(err)
	}
	inside, err := os.Open(filepath.Join(dir, "lost+found"))
	if err != nil {
		t.Fatal(err)
	}
	if err := mount.Unmount(dir); err != nil {
		t.Errorf("got %v while somebody looks in", err)
	}
	if points, err := mount.Self(); err != nil {
		t.Error(err)
	} else if _, ok := mount.At(points, dir); ok {
		t.Error("got it still mounted")
	}
	inside.Close()
	if err := mount.Private("/nonexistent", dir, []string{"ext4"}, false); !errors.Is(err, unix.ENOENT) || !strings.Contains(err.Error(), "/nonexistent") {
		t.Errorf("got %v", err)
	}
	if err := mount.Private("/nonexistent", dir, nil, false); err == nil {
		t.Error("got no error without a type")
	}
}
