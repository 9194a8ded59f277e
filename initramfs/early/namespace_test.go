package early

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"moss/internal/testutil"
	"moss/internal/testutil/need"
)

// inNamespace runs the rest of a test in a mount namespace of its own, so that
// nothing it mounts is ever seen outside. The test runs once more as a child of
// itself there; outside, it only reports what the child found.
func inNamespace(t *testing.T) (inside bool) {
	t.Helper()
	const mark = "MOSS_TEST_NAMESPACE"
	if os.Getenv(mark) == t.Name() {
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			t.Fatal(err)
		}
		return true
	}
	need.Root(t, "a mount namespace")
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), mark+"="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("inside the namespace: %v\n%s", err, out)
	}
	return false
}

// mountMemory mounts a file system in memory that is this test's alone. Never
// mount one here that the machine shares (devtmpfs, sysfs, proc): the namespace
// hides the mount, but what is deleted in it is deleted for everybody. It is
// gone before the folders of the test are removed.
func mountMemory(t *testing.T, dir string, flags uintptr) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", flags, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
}

func writes(dir string) error { return os.WriteFile(filepath.Join(dir, "probe"), nil, 0o644) }

func TestRootIsWritableForAMoment(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	dir := t.TempDir()
	const asked = unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOATIME
	mountMemory(t, dir, asked)
	b := &Boot{Sysroot: dir}
	if err := b.adoptRoot(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := b.mounted.writable(); err != nil {
			t.Fatal(err)
		}
		if err := writes(dir); err != nil {
			t.Error(err)
		}
	}
	if err := b.restoreReadOnly(); err != nil {
		t.Fatal(err)
	}
	if err := writes(dir); !errors.Is(err, unix.EROFS) {
		t.Errorf("got %v, want the root to be read-only again", err)
	}
	var info unix.Statfs_t
	if err := unix.Statfs(dir, &info); err != nil || uintptr(info.Flags)&asked != asked {
		t.Errorf("got flags %#x, %v, want those of before", info.Flags, err)
	}
}

func TestWritableRootStaysWritable(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	dir := t.TempDir()
	mountMemory(t, dir, 0)
	b := &Boot{Sysroot: dir}
	if err := b.adoptRoot(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(b.mounted.writable(), b.restoreReadOnly(), writes(dir)); err != nil {
		t.Error(err)
	}
}

func TestMountsGoAlong(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	b := machine(t, "")
	b.Sysroot = filepath.Join(b.Top, "sysroot")
	for _, name := range []string{"run", "dev"} {
		mountMemory(t, b.path(name), 0)
		testutil.Tree{name + "/moss/boot.json": name}.Create(t, b.Top)
	}
	mountMemory(t, b.Sysroot, 0)
	testutil.Tree{"run/": ""}.Create(t, b.Sysroot)
	b.makeMountPoints()
	for _, name := range []string{"run", "dev"} {
		if err := b.move(name); err != nil {
			t.Error(err)
		}
		if text, err := os.ReadFile(filepath.Join(b.Sysroot, name, "moss/boot.json")); string(text) != name || err != nil {
			t.Errorf("%s: got %q, %v", name, text, err)
		}
	}
}

// A read-only root without the folder does without that mount.
func TestMountThatCannotGoAlong(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	b := machine(t, "")
	b.Sysroot = filepath.Join(b.Top, "sysroot")
	mountMemory(t, b.path("run"), 0)
	mountMemory(t, b.Sysroot, unix.MS_RDONLY)
	if err := b.move("run"); err != nil {
		t.Error(err)
	}
	var info unix.Statfs_t
	if err := unix.Statfs(b.path("run"), &info); err == nil && info.Type == unix.TMPFS_MAGIC {
		t.Error("the mount is still there")
	}
}

// Only what is in memory is deleted, and nothing that is mounted on it.
func TestEmpty(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	dir := t.TempDir()
	old := filepath.Join(dir, "old")
	mountMemory(t, old, 0)
	testutil.Tree{"init": "x", "usr/lib/modules/a.ko": "x", "usr/lib/b": "-> ../../../precious", "dev/": ""}.Create(t, old)
	testutil.Tree{"precious": "x"}.Create(t, dir)
	mountMemory(t, filepath.Join(old, "mnt"), 0)
	testutil.Tree{"mnt/kept": "x"}.Create(t, old)
	emptyAt := func(path string) error {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		return empty(f)
	}
	_ = emptyAt(old)
	names, err := os.ReadDir(old)
	if err != nil || len(names) != 1 || names[0].Name() != "mnt" {
		t.Errorf("got %v, %v, want nothing but the mount point", names, err)
	}
	for _, path := range []string{filepath.Join(old, "mnt/kept"), filepath.Join(dir, "precious")} {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
	disk := "/var/tmp"
	var info unix.Statfs_t
	if err := unix.Statfs(disk, &info); err != nil || info.Type == unix.TMPFS_MAGIC {
		t.Skipf("%s is in memory here: %v", disk, err)
	}
	folder, err := os.MkdirTemp(disk, "moss-test-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(folder)
	testutil.Tree{"file": "x"}.Create(t, folder)
	if err := emptyAt(folder); err == nil {
		t.Error("got no error for a folder on a disk")
	}
	if _, err := os.Stat(filepath.Join(folder, "file")); err != nil {
		t.Error(err)
	}
}
