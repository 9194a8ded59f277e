package usrmerge

import (
	"errors"
	"fmt"
	"path"

	"golang.org/x/sys/unix"
)

// link gives every entry that /usr lacks its name there; what is on another
// device is copied first, and gets its name when it is whole.
func (a *applier) link() error {
	err := a.each(actLink, func(d *both, e *entry) error {
		if e.cross {
			return nil
		}
		if err := unix.Linkat(d.ofd, e.name, d.nfd, e.name, 0); err != nil && !a.refused(d, err) {
			return fmt.Errorf("link %s: %w", shown(path.Join(d.new, e.name)), err)
		}
		return a.step("linked")
	})
	if err == nil {
		err = a.copyAll()
	}
	return err
}

// refused takes the errors after which another way is tried: a name that came or
// went, or a folder from which the kernel makes no links (EXDEV: overlayfs, bind
// mounts, XFS project quotas; EMLINK: too many).
func (a *applier) refused(d *both, err error) bool {
	if errors.Is(err, unix.EXDEV) || errors.Is(err, unix.EMLINK) {
		a.links[d.old], a.otherwise = true, true
		return true
	}
	return changed(err)
}

// replace puts an entry under a temporary name and renames it over what is at
// its new place, which is missing at no moment.
func (a *applier) replace(d *both, e *entry) error {
	name := newName(d, e)
	from, temp := d.nfd, a.temp()
	var err error
	switch {
	case e.o.kind == symlink && (e.cross || e.text != e.o.text):
		err = a.newLink(d, e, temp)
	case e.cross:
		from, temp = a.stagedIn(d), e.as
	default:
		err = unix.Linkat(d.ofd, e.name, d.nfd, temp, 0)
	}
	if err == nil {
		err = unix.Renameat(from, temp, d.nfd, name)
	}
	// A rename between two names of one file does nothing (rename(2)), and after an
	// error the temporary name is left.
	_ = unix.Unlinkat(from, temp, 0)
	if err != nil && !a.refused(d, err) {
		return fmt.Errorf("replace %s: %w", shown(path.Join(d.new, name)), err)
	}
	return nil
}
