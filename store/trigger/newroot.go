package trigger

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// newRoot is the folder that becomes the root; all mounts are made before the
// pivot, while the host's names still exist.
type newRoot struct {
	ask request
	dir string
}

// enter makes the new root and moves into it. Every mount is in this process's
// own mount namespace and private, so none is ever seen outside or outlives it.
func enter(ask request) error {
	r := newRoot{ask, filepath.Join(ask.Work, "root")}
	for _, step := range []struct {
		name string
		run  func() error
	}{
		{"die first when memory runs out", dieFirst},
		{"keep mounts private", func() error { return unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "") }},
		{"make a root", r.base},
		{"mount /usr", r.usr},
		{"mount /etc", r.etc},
		{"mount /proc", r.proc},
		{"make /dev", r.dev},
		{"make links", r.links},
		{"make the root read-only", func() error { return remountReadOnly(r.dir, unix.MS_NOSUID) }},
		{"limit processes", func() error { return limitProcesses(r.dir, ask.Processes) }},
		{"make /proc read-only", func() error {
			return remountReadOnly(filepath.Join(r.dir, "proc"), unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC)
		}},
		{"change the root", r.pivot},
	} {
		if err := step.run(); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return nil
}

// base is a small memory file system; what may be written to is one of its own
// each, so that the root itself can be read-only.
func (r newRoot) base() error {
	// The root itself holds the device nodes' mount points only.
	if err := unix.Mount("moss", r.dir, "tmpfs", unix.MS_NOSUID, "mode=0755,size=1m"); err != nil {
		return err
	}
	for _, name := range []string{"usr", "etc", "proc", "dev", "dev/shm", "tmp", "run", "var"} {
		if err := os.Mkdir(filepath.Join(r.dir, name), 0o755); err != nil {
			return err
		}
	}
	for name, options := range map[string]string{"tmp": "mode=1777", "dev/shm": "mode=1777", "run": "mode=0755", "var": "mode=0755"} {
		options += ",size=256m,nr_inodes=64k"
		if err := unix.Mount("moss", filepath.Join(r.dir, name), "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
			return err
		}
	}
	return os.Symlink("../run", filepath.Join(r.dir, "var/run"))
}

// overlayOptions says what must hold whatever the kernel's defaults are: a
// folder is never renamed by reference, a copied-up file has its data, and no
// index ties the upper folder to this mount. Changes can read nothing else.
const overlayOptions = ",redirect_dir=off,metacopy=off,index=off"

// usr mounts the overlay. The names are relative to the folder above the tree:
// mount options have no room for long paths, and commas and colons in them.
func (r newRoot) usr() error {
	at := filepath.Join(r.dir, "usr")
	upper, err := filepath.Rel(r.ask.Base, r.ask.Work)
	if err != nil {
		return err
	}
	if r.ask.Memory {
		upper = filepath.Join(upper, "memory")
		if err := r.placeMemory(); err != nil {
			return err
		}
	}
	if err := os.Chdir(r.ask.Base); err != nil {
		return err
	}
	options := "lowerdir=" + r.ask.Usr + ",upperdir=" + upper + "/upper,workdir=" + upper + "/work" + overlayOptions
	if err := unix.Mount("moss", at, "overlay", unix.MS_NODEV|unix.MS_NOSUID, options); err != nil {
		return errors.Join(err, errOverlay)
	}
	return os.Chdir("/")
}

// placeMemory gives the parent's memory file system a name in here.
func (r newRoot) placeMemory() error {
	at := filepath.Join(r.ask.Work, "memory")
	if err := os.Mkdir(at, 0o755); err != nil {
		return err
	}
	return unix.MoveMount(memoryFD, "", unix.AT_FDCWD, at, unix.MOVE_MOUNT_F_EMPTY_PATH)
}

// etc binds the root's own /etc; what is mounted below it stays outside.
func (r newRoot) etc() error {
	if r.ask.Etc == "" {
		return nil
	}
	fd, err := unix.Open(r.ask.Etc, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	at := filepath.Join(r.dir, "etc")
	if err := unix.Mount("/proc/self/fd/"+strconv.Itoa(fd), at, "", unix.MS_BIND, ""); err != nil {
		return err
	}
	return remountReadOnly(at, unix.MS_NOSUID|unix.MS_NODEV)
}

// remountReadOnly changes one mount point, not the file system behind it.
func remountReadOnly(at string, flags uintptr) error {
	return unix.Mount("", at, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY|flags, "")
}

func (r newRoot) proc() error {
	return unix.Mount("proc", filepath.Join(r.dir, "proc"), "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
}

// dev shows the harmless nodes of the host. Read-only, their mode and owner
// cannot be changed, which would be a change of the host's; writing to a device
// does not ask whether the mount is.
func (r newRoot) dev() error {
	for _, name := range []string{"null", "zero", "full", "random", "urandom"} {
		at := filepath.Join(r.dir, "dev", name)
		if err := os.WriteFile(at, nil, 0o600); err != nil {
			return err
		}
		if err := unix.Mount(filepath.Join("/dev", name), at, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := remountReadOnly(at, unix.MS_NOSUID|unix.MS_NOEXEC); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	for name, target := range map[string]string{"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"} {
		if err := os.Symlink(target, filepath.Join(r.dir, "dev", name)); err != nil {
			return err
		}
	}
	return nil
}

func (r newRoot) links() error {
	for _, name := range slices.Sorted(maps.Keys(r.ask.Links)) {
		if err := os.Symlink(r.ask.Links[name], filepath.Join(r.dir, filepath.Base(name))); err != nil {
			return err
		}
	}
	return nil
}

// pivot leaves the host's root behind: mounted over, then detached, it is out
// of reach of anything that runs here.
func (r newRoot) pivot() error {
	if err := os.Chdir(r.dir); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return err
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return err
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	return unix.Sethostname([]byte("localhost"))
}
