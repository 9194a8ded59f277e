package usrmerge

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"

	"golang.org/x/sys/unix"
)

// temp is a new temporary name; one folder never holds the same twice.
func (a *applier) temp() string {
	a.number++
	return temporary + "." + strconv.Itoa(a.number)
}

// makeFolders makes the folders that the new place lacks, each under a temporary
// name until mode, owner and attributes are right. A folder in the place of a
// symlink that leads back keeps its temporary name until it is full.
func (a *applier) makeFolders() error {
	if err := a.writeDown(); err != nil {
		return err
	}
	return a.each(actFolder|actMirror, func(d *both, e *entry) error {
		name := a.temp()
		if err := a.makeFolder(d, e, name); err != nil {
			return fmt.Errorf("make folder %s: %w", shown(path.Join(d.new, newName(d, e))), err)
		}
		return a.step("folder-made")
	})
}

func (a *applier) makeFolder(d *both, e *entry, name string) error {
	if err := unix.Mkdirat(d.nfd, name, 0o700); err != nil {
		return err
	}
	err := a.likeFolder(d, e, name)
	if err == nil && e.act == actMirror {
		e.as = name
		return nil
	}
	if err == nil {
		err = unix.Renameat2(d.nfd, name, d.nfd, newName(d, e), unix.RENAME_NOREPLACE)
	}
	if err != nil {
		_ = unix.Unlinkat(d.nfd, name, unix.AT_REMOVEDIR)
	}
	if changed(err) {
		return nil
	}
	return err
}

func (a *applier) likeFolder(d *both, e *entry, name string) error {
	if err := unix.Fchownat(d.nfd, name, int(e.o.uid), int(e.o.gid), unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	attrs, err := xattrs(d.ofd, oldName(d, e))
	if err == nil {
		err = setXattrs(d.nfd, name, attrs)
	}
	if err == nil {
		err = unix.Fchmodat(d.nfd, name, e.o.mode, 0)
	}
	return err
}

// changed tells whether an error only says that somebody else was at work: a
// name came or went. The next look at both sides decides anew.
func changed(err error) bool {
	return gone(err) || errors.Is(err, fs.ErrExist) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.EISDIR)
}
