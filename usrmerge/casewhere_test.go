package usrmerge_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"moss/internal/testutil"
)

// mount mounts something until the end of the test.
func mount(t *testing.T, what, at, kind string, flags uintptr, data string) {
	t.Helper()
	if _, err := os.Lstat(at); err != nil {
		if err := os.MkdirAll(at, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mount(what, at, kind, flags, data); err != nil {
		t.Fatalf("mount %s at %s: %v", what, at, err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(at, 0); err != nil {
			t.Errorf("unmount %s: %v", at, err)
		}
	})
}

// TestUsrOnAnotherDevice: nothing can be linked, all is copied, with all that it has.
func TestUsrOnAnotherDevice(t *testing.T) {
	if !testutil.Privately(t) {
		return
	}
	fresh := func(t *testing.T) string {
		dir := inMemory(t)
		mount(t, "moss-test", filepath.Join(dir, "usr"), "tmpfs", 0, "mode=0755")
		return dir
	}
	all := append(kinds(), everything(false))
	for _, shape := range []string{"usr has the folder", "usr lacks the top folder"} {
		for _, e := range all {
			if e.oneDevice || testing.Short() && shape != "usr lacks the top folder" || e.name == "everything" && shape != "usr has the folder" {
				continue
			}
			if e.name != "everything" {
				of := shapes()[shape]
				e.tree, e.want = of(e.tree), of(e.want)
			}
			t.Run(shape+"/"+e.name, func(t *testing.T) {
				r := e.run(t, fresh(t))
				if r.result.Plan.Bytes == 0 && strings.Contains(e.tree, "mode=4755") {
					t.Error("got no bytes planned, want what is copied")
				}
			})
		}
	}
}

// fileSystem is a file system in an image in memory, mounted.
func fileSystem(t *testing.T, kind string, size int64) string {
	t.Helper()
	image := filepath.Join(testutil.Memory(t, "2g"), kind)
	if err := errors.Join(os.WriteFile(image, nil, 0o600), os.Truncate(image, size)); err != nil {
		t.Fatal(err)
	}
	testutil.Run(t, "mkfs."+kind, "-q", image)
	node, at := testutil.Loop(t, image), t.TempDir()
	mount(t, node, at, kind, 0, "")
	return at
}

// TestFileSystems: every kind, form and conflict on real file systems, with /usr on
// the same one, in a subvolume of it, and on another one.
func TestFileSystems(t *testing.T) {
	if testing.Short() {
		t.Skip("makes file systems")
	}
	if !testutil.Privately(t) {
		return
	}
	const size = 320 << 20
	tops := map[string]string{}
	for _, kind := range []string{"ext4", "xfs", "btrfs"} {
		tops[kind] = fileSystem(t, kind, size)
	}
	root := func(t *testing.T, kind, name string) string {
		dir := filepath.Join(tops[kind], name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	for kind := range tops {
		t.Run(kind, func(t *testing.T) {
			everything(true).run(t, root(t, kind, "root"))
		})
	}
	for _, pair := range [][2]string{{"ext4", "xfs"}, {"xfs", "btrfs"}, {"btrfs", "ext4"}} {
		t.Run(pair[0]+" with usr on "+pair[1], func(t *testing.T) {
			dir := root(t, pair[0], "split")
			mount(t, root(t, pair[1], "usr"), filepath.Join(dir, "usr"), "", unix.MS_BIND, "")
			everything(false).run(t, dir)
		})
	}
	t.Run("btrfs with usr in a subvolume", func(t *testing.T) {
		dir := root(t, "btrfs", "subvolumes")
		testutil.Run(t, "btrfs", "subvolume", "create", filepath.Join(dir, "usr"))
		everything(false).run(t, dir)
	})
	t.Run("btrfs with the root and usr mounted as subvolumes", func(t *testing.T) {
		for _, name := range []string{"@", "@usr"} {
			testutil.Run(t, "btrfs", "subvolume", "create", filepath.Join(tops["btrfs"], name))
		}
		dir := filepath.Join(tops["btrfs"], "@")
		mount(t, filepath.Join(tops["btrfs"], "@usr"), filepath.Join(dir, "usr"), "", unix.MS_BIND, "")
		everything(false).run(t, dir)
	})
	t.Run("ext4 with usr bound from itself", func(t *testing.T) {
		dir := root(t, "ext4", "bound")
		mount(t, root(t, "ext4", "bound-usr"), filepath.Join(dir, "usr"), "", unix.MS_BIND, "")
		everything(false).run(t, dir)
	})
}
