package early

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// switchRoot makes the mounted root the root of everything, empties the memory
// that the initramfs takes, and becomes init with the arguments and environment
// that the kernel gave. It returns only when that fails.
//
// The order is that of switch_root(8) of util-linux: the moves first, for they
// can fail with the machine still whole; the emptying after the new root is in
// place; exec last.
func (b *Boot) switchRoot() error {
	named, _ := b.line.Last("init")
	init, err := b.states().Init(b.states().Usr(), named)
	if err != nil {
		return err
	}
	b.unset()
	b.makeMountPoints()
	for _, m := range pseudoMounts() {
		if err := b.move(m.path); err != nil {
			return err
		}
	}
	old, err := os.Open("/")
	if err != nil {
		return err
	}
	if err := enter(b.Sysroot); err != nil {
		return err
	}
	b.arrived()
	if err := empty(old); err != nil {
		b.console.warnf("the memory of the initramfs could not be freed: %v", err)
	}
	argv := append([]string{init}, b.Args[1:]...)
	b.letWatchdogGo()
	err = fmt.Errorf("execute %s: %w", init, unix.Exec(init, argv, b.Env))
	b.blame(err)
	return err
}

// arrived: the root is "/" from here on, also for what a failure writes to it.
func (b *Boot) arrived() {
	b.Sysroot = "/"
	if b.mounted != nil {
		b.mounted.path = "/"
	}
}

// blame records what only the kernel could find wrong with the state that was
// activated, so that the next boot takes another.
func (b *Boot) blame(cause error) {
	id := b.report.Activated
	if id == 0 {
		return
	}
	if err := b.choice().remember(id, cause); err != nil {
		b.console.warnf("the failure of state %s could not be recorded: %v", id, err)
	}
}

// makeMountPoints makes the folders that every init needs and that a root which
// was filled with states and never booted does not have, also on a root that was
// asked for read-only: without them there would be no way in.
func (b *Boot) makeMountPoints() {
	for _, m := range pseudoMounts() {
		dir := filepath.Join(b.Sysroot, m.path)
		if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if b.mounted != nil && b.mounted.writable() != nil {
			return // move says which folder is missing
		}
		_ = os.Mkdir(dir, 0o755)
	}
	if b.mounted != nil {
		_ = b.restoreReadOnly()
	}
}

// move takes a mount along. Where the new root has no folder for it, it is given
// up: init mounts it again, if it can. A link is no folder: it would lead out of the
// new root, whose own names do not count yet.
func (b *Boot) move(name string) error {
	from, to := b.path(name), filepath.Join(b.Sysroot, name)
	if info, err := os.Lstat(to); err != nil || !info.IsDir() {
		b.console.warnf("the root has no folder /%s, which init needs; make it, then boot again", name)
		return unix.Unmount(from, unix.MNT_DETACH)
	}
	if err := unix.Mount(from, to, "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("move %s to %s: %w", from, to, err)
	}
	return nil
}

// enter puts the mount at dir over everything and changes into it.
func enter(dir string) error {
	if err := unix.Chdir(dir); err != nil {
		return err
	}
	if err := unix.Mount(dir, "/", "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("move %s to /: %w", dir, err)
	}
	if err := unix.Chroot("."); err != nil {
		return fmt.Errorf("change root: %w", err)
	}
	return unix.Chdir("/")
}

// empty removes what the initramfs was unpacked into, and nothing else: only
// when it really is the kernel's root in memory, and never across a mount.
func empty(root *os.File) error {
	defer root.Close()
	var info unix.Statfs_t
	if err := unix.Fstatfs(int(root.Fd()), &info); err != nil {
		return err
	}
	if info.Type != unix.RAMFS_MAGIC && info.Type != unix.TMPFS_MAGIC {
		return errors.New("it is on a disk, left alone")
	}
	var top unix.Stat_t
	if err := unix.Fstat(int(root.Fd()), &top); err != nil {
		return err
	}
	return emptyFolder(root, top.Dev)
}

func emptyFolder(dir *os.File, device uint64) error {
	names, err := dir.Readdirnames(-1)
	errs := []error{err}
	for _, name := range names {
		errs = append(errs, removeAt(int(dir.Fd()), name, device))
	}
	return errors.Join(errs...)
}

func removeAt(dir int, name string, device uint64) error {
	err := unix.Unlinkat(dir, name, 0)
	if !errors.Is(err, unix.EISDIR) {
		return err
	}
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return &fs.PathError{Op: "open", Path: name, Err: err}
	}
	folder := os.NewFile(uintptr(fd), name)
	defer folder.Close()
	var info unix.Stat_t
	if err := unix.Fstat(fd, &info); err != nil || info.Dev != device {
		return err
	}
	if err := emptyFolder(folder, device); err != nil {
		return err
	}
	return unix.Unlinkat(dir, name, unix.AT_REMOVEDIR)
}
