package mount

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"
)

const base = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC

// Private mounts the file system of a block device on a folder, for its caller
// alone: no program on it can be started, no device opened, and where the file
// system knows no owners nobody but root reads it. types are tried in order, as
// the kernel names them; the kernel loads what it needs for them by itself.
//
// A device that is write-protected is mounted read-only even if readOnly is not
// asked for: statfs(2) tells. One that is mounted writable elsewhere can still be
// asked for read-only. One that is mounted read-only elsewhere and is asked for
// writable is an error that is EBUSY.
func Private(node, dir string, types []string, readOnly bool) error {
	err := errors.New("no file system type to try")
	for _, kind := range types {
		if readOnly {
			err = reading(node, dir, kind)
		} else if err = one(node, dir, kind, base); errors.Is(err, unix.EROFS) || errors.Is(err, unix.EACCES) {
			err = one(node, dir, kind, base|unix.MS_RDONLY)
		}
		if err == nil {
			return nil
		}
	}
	return err
}

// reading mounts read-only. Linux refuses a second mount of a file system with
// another access than the first (EBUSY); then this mount alone is made read-only.
func reading(node, dir, kind string) error {
	err := one(node, dir, kind, base|unix.MS_RDONLY)
	if !errors.Is(err, unix.EBUSY) {
		return err
	}
	if err := one(node, dir, kind, base); err != nil {
		return err
	}
	if err := unix.Mount("", dir, "", base|unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""); err != nil {
		return errors.Join(&fs.PathError{Op: "mount read-only", Path: dir, Err: err}, Unmount(dir))
	}
	return nil
}

// Writable makes a mount of Private writable, and its file system with it. Other
// mounts of the file system that are read-only stay so.
func Writable(dir string) error {
	if err := unix.Mount("", dir, "", base|unix.MS_REMOUNT, ""); err != nil {
		return &fs.PathError{Op: "mount writable", Path: dir, Err: err}
	}
	return nil
}

func one(node, dir, kind string, flags uintptr) error {
	data := ""
	if kind == "vfat" {
		data = "umask=0077" // everything on it would be everybody's to read
	}
	if err := unix.Mount(node, dir, kind, flags, data); err != nil {
		return fmt.Errorf("mount %s as %s: %w", node, kind, err)
	}
	return nil
}

// Unmount takes the topmost mount at dir away, written out first. One that
// somebody still looks into leaves the tree at once and ends when they do.
// What is no mount point is no error.
func Unmount(dir string) error {
	if fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err == nil {
		_ = unix.Syncfs(fd) // what cannot be written out was already an error of the writer's fsync
		_ = unix.Close(fd)
	}
	err := unix.Unmount(dir, unix.UMOUNT_NOFOLLOW)
	if errors.Is(err, unix.EBUSY) {
		err = unix.Unmount(dir, unix.UMOUNT_NOFOLLOW|unix.MNT_DETACH)
	}
	if err != nil && !errors.Is(err, unix.EINVAL) {
		return &fs.PathError{Op: "unmount", Path: dir, Err: err}
	}
	return nil
}
