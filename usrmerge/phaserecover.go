package usrmerge

import (
	"errors"
	"fmt"
	"io/fs"
	"path"

	"golang.org/x/sys/unix"
)

// recover takes away what an earlier run left under temporary names, and ends
// what it had exchanged: that is done first, so that an old folder under its
// temporary name is never in the way of the next exchange.
func (a *applier) recover() error {
	for _, name := range a.found.temps {
		if err := a.root.discard(name); err != nil {
			return err
		}
		if err := a.step("recovered"); err != nil {
			return err
		}
	}
	a.found.temps = nil
	if err := a.drop(); err != nil {
		return err
	}
	if !a.found.leftovers() {
		return nil
	}
	for _, t := range a.found.tops {
		if t.leftover && t.State == StateAbsent {
			if err := a.putLink(t); err != nil {
				return err
			}
		}
	}
	if err := a.sync(); err != nil {
		return err
	}
	if err := a.regenerate(); err != nil { // perhaps once more, but never not at all
		return err
	}
	if err := a.remove(); err != nil {
		return err
	}
	found, err := a.job.pass()
	if err == nil {
		a.found = found
	}
	return err
}

// putLink makes the symlink of a folder that was exchanged and then lost it.
func (a *applier) putLink(t *top) error {
	dir, err := a.root.folder(up(t.path))
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	if err := unix.Symlinkat(t.text, dir, path.Base(t.path)); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make symlink %s: %w", shown(t.path), err)
	}
	return nil
}

func (f *Found) leftovers() bool {
	for _, t := range f.tops {
		if t.leftover && t.State != StateRefused {
			return true
		}
	}
	return false
}

// tidy gives back the room of copies that will not get their names now.
func (a *applier) tidy() {
	if a.stageDev != 0 {
		_ = a.closeStage()
	}
}

// discard removes a path below the root and all in it. What is not there is
// fine.
func (r *rootDir) discard(name string) error {
	dir, err := r.folder(up(name))
	if lost(err) {
		return nil
	}
	if err == nil {
		err = discardIn(dir, path.Base(name))
		_ = unix.Close(dir)
	}
	if err != nil {
		return fmt.Errorf("remove %s: %w", shown(name), err)
	}
	return nil
}

func discardIn(dir int, name string) error {
	err := unix.Unlinkat(dir, name, 0)
	if err == nil || gone(err) || !errors.Is(err, unix.EISDIR) {
		if gone(err) {
			return nil
		}
		return err
	}
	in, err := openFolder(dir, name)
	if err != nil {
		return err
	}
	defer unix.Close(in)
	names, err := (&lister{}).list(in)
	if err != nil {
		return err
	}
	for _, n := range names {
		if err := discardIn(in, n.name); err != nil {
			return err
		}
	}
	return unix.Unlinkat(dir, name, unix.AT_REMOVEDIR)
}
