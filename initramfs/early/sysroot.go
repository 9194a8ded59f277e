package early

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"moss/initramfs/kmod"
)

// rootMount is the mounted root. It may be writable for a moment only.
type rootMount struct {
	path   string
	flags  uintptr
	data   string
	opened bool // writable now, although flags say read-only
	// damaged is why it must never be writable, "" for a sound one.
	damaged string
}

// writable makes the root writable if it is not. What was asked for on the
// command line comes back with restore.
func (m *rootMount) writable() error {
	if m.flags&unix.MS_RDONLY == 0 || m.opened {
		return nil
	}
	if err := m.errDamaged(); err != nil {
		return err
	}
	if err := unix.Mount("", m.path, "", unix.MS_REMOUNT|m.flags&^unix.MS_RDONLY, m.data); err != nil {
		return fmt.Errorf("make the root writable: %w", err)
	}
	m.opened = true
	return nil
}

// restore makes the root read-only again if writable changed that.
func (m *rootMount) restore() error {
	if !m.opened {
		return nil
	}
	if err := unix.Mount("", m.path, "", unix.MS_REMOUNT|m.flags, m.data); err != nil {
		return fmt.Errorf("make the root read-only again: %w", err)
	}
	m.opened = false
	return nil
}

// mountRoot mounts the root where the rest of the boot works on it.
func (b *Boot) mountRoot() error {
	if err := os.MkdirAll(b.Sysroot, 0o755); err != nil {
		return err
	}
	flags, data := b.rootOptions()
	for _, d := range b.members {
		if d.Holds.Damaged {
			continue // the kernel would take it for the newest and refuse them all
		}
		data = strings.TrimPrefix(data+",device="+d.Node, ",")
	}
	m := &rootMount{path: b.Sysroot, flags: flags, data: data, damaged: b.care.damaged}
	kinds, err := b.rootTypes()
	if err != nil {
		return err
	}
	for _, kind := range kinds {
		if err = b.mountAs(m, kind); err == nil {
			b.mounted = m
			return nil
		}
	}
	return err
}

// rootTypes is the types to try: those of rootfstype=, or what the device says.
func (b *Boot) rootTypes() ([]string, error) {
	if text, ok := b.line.Last("rootfstype"); ok && text != "" && text != "auto" {
		return strings.Split(text, ","), nil
	}
	kind := b.root.Holds.Type
	switch kind {
	case "ext2", "ext3", "ext4":
		return []string{"ext4"}, nil // one driver serves all three
	case "xfs", "btrfs", "f2fs", "vfat", "erofs", "squashfs", "iso9660":
		return []string{kind}, nil
	case "":
		return nil, fmt.Errorf("%s holds no file system that moss-init knows; name it with rootfstype=", *b.root)
	}
	return nil, fmt.Errorf("%s cannot be mounted: only an initramfs with the tools for %s can boot from it", *b.root, kind)
}

// companions are modules that a file system asks the kernel for while it mounts,
// through a modprobe that does not exist here.
func companions(kind string) []string {
	if kind == "vfat" {
		return []string{"nls_cp437", "nls_ascii", "nls_iso8859-1", "nls_utf8"}
	}
	return nil
}

func (b *Boot) mountAs(m *rootMount, kind string) error {
	if err := b.loadType(kind); err != nil {
		return err
	}
	err := unix.Mount(b.root.Node, m.path, kind, m.flags, m.data)
	if errors.Is(err, unix.EROFS) || errors.Is(err, unix.EACCES) {
		b.console.warnf("%s is write-protected", b.root.Node)
		m.flags |= unix.MS_RDONLY
		err = unix.Mount(b.root.Node, m.path, kind, m.flags, m.data)
	}
	if err != nil {
		return fmt.Errorf("mount %s as %s with options %q: %w", *b.root, kind, m.data, err)
	}
	return nil
}

// loadType loads the driver of a file system unless the kernel has it.
func (b *Boot) loadType(kind string) error {
	if b.loader == nil || knownType(b.path("proc/filesystems"), kind) {
		return nil
	}
	err := b.loader.Load(kind)
	if errors.Is(err, kmod.ErrUnknown) {
		return fmt.Errorf("mount %s: this image has no module for %s", *b.root, kind)
	}
	for _, name := range companions(kind) {
		if err := b.loader.Load(name); err != nil && !errors.Is(err, kmod.ErrUnknown) {
			b.console.warnf("%v", err)
		}
	}
	return err
}

// knownType looks a type up in /proc/filesystems: "nodev\tproc" or "\text4".
func knownType(path, kind string) bool {
	text, err := os.ReadFile(path)
	return err == nil && slices.Contains(strings.Fields(string(text)), kind)
}

// adoptRoot takes over a root that somebody else has mounted. When it is
// read-only its other flags are kept, so that only that one changes.
func (b *Boot) adoptRoot() error {
	var info unix.Statfs_t
	if err := unix.Statfs(b.Sysroot, &info); err != nil {
		return &fs.PathError{Op: "statfs", Path: b.Sysroot, Err: err}
	}
	const same = unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_SYNCHRONOUS | unix.MS_NOATIME | unix.MS_NODIRATIME
	b.mounted = &rootMount{path: b.Sysroot, flags: uintptr(info.Flags) & same}
	// ST_RELATIME is the one flag whose number differs (statfs(2)).
	if info.Flags&unix.ST_RELATIME != 0 {
		b.mounted.flags |= unix.MS_RELATIME
	}
	return nil
}

// restoreReadOnly is a step; a root that stays writable boots all the same.
func (b *Boot) restoreReadOnly() error {
	if err := b.mounted.restore(); err != nil {
		b.console.warnf("%v", err)
	}
	return nil
}
