package usrmerge

import (
	"errors"
	"fmt"
	"path"

	"golang.org/x/sys/unix"
)

// carry hands folders over whole: a symlink whose text is right for the old place
// is made at the new one, where nothing was, and the two change places in one
// step. Before, the new path is a dangling symlink; after, the old one leads to
// the new. Both paths work from then on.
func (a *applier) carry() error {
	err := a.each(actCarry, func(d *both, e *entry) error {
		if err := a.carryOne(d, e); err != nil {
			return fmt.Errorf("carry %s: %w", shown(path.Join(d.old, e.name)), err)
		}
		return nil
	})
	if err == nil {
		err = a.aliases()
	}
	return err
}

func (a *applier) carryOne(d *both, e *entry) error {
	name := newName(d, e)
	err := unix.Symlinkat(relative(d.old, path.Join(d.new, name)), d.nfd, name)
	if changed(err) {
		return nil
	}
	if err == nil {
		err = label(d.ofd, e.name, d.nfd, name)
	}
	if err == nil {
		err = a.step("carry-link")
	}
	if err == nil {
		err = unix.Renameat2(d.ofd, e.name, d.nfd, name, unix.RENAME_EXCHANGE)
	}
	switch {
	case err == nil:
		return a.step("carried")
	case errors.Is(err, unix.EXDEV):
		a.whole[path.Join(d.old, e.name)], a.otherwise = true, true
		err = nil
	case changed(err):
		err = nil
	}
	if fail := unix.Unlinkat(d.nfd, name, 0); err == nil {
		err = fail
	}
	return err
}

// label gives a symlink the SELinux label of the folder that it stands for.
func label(fromDir int, from string, dir int, name string) error {
	const selinux = "security.selinux"
	value, err := sized(func(b []byte) (int, error) { return unix.Lgetxattr(byFD(fromDir, from), selinux, b) })
	if errors.Is(err, unix.ENODATA) || errors.Is(err, unix.ENOTSUP) {
		return nil
	}
	if err == nil {
		err = unix.Lsetxattr(byFD(dir, name), selinux, value, 0)
	}
	if err != nil {
		return fmt.Errorf("label %s: %w", name, err)
	}
	return nil
}
