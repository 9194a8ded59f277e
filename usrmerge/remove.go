package usrmerge

import (
	"errors"
	"fmt"
	"path"

	"golang.org/x/sys/unix"

	"moss/internal/fault"
)

// maxLooks is how often what is left of the old folders is looked through: each
// time because somebody put something there meanwhile.
const maxLooks = 5

// remove takes away the old folders under their temporary names. Every entry is
// compared once more. What a program that still has an old folder open put there
// goes into /usr, or to the orphans; nothing is lost.
func (a *applier) remove() error {
	if err := a.made.forget(a.found, a.root); err != nil {
		return err
	}
	found := a.found // the check has just looked
	for range maxLooks {
		if found == nil {
			var err error
			if found, err = a.job.pass(); err != nil {
				return err
			}
		}
		if !found.leftovers() {
			a.found = found
			return a.withdraw()
		}
		a.found = found
		if !found.idle() {
			if err := a.gatherStragglers(); err != nil {
				return err
			}
			found = nil
			continue
		}
		for _, t := range found.tops {
			if t.leftover && t.State != StateRefused {
				if err := a.removeTop(t); err != nil {
					return err
				}
			}
		}
		found = nil
	}
	return fmt.Errorf("%s %w", a.found.unsettled(), errChanged)
}

// gatherStragglers fills /usr from what is left.
func (a *applier) gatherStragglers() error {
	for _, p := range gathering() {
		if p.name == "recover" || p.name == "verify" {
			continue
		}
		if err := p.run(a); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	for _, name := range a.found.temps {
		if err := a.root.discard(name); err != nil {
			return err
		}
	}
	if a.stageDev != 0 {
		return a.closeStage()
	}
	return nil
}

func (a *applier) removeTop(t *top) error {
	d, err := a.root.parents(t)
	if err != nil {
		return err
	}
	defer d.close()
	_, err = a.removeFolder(d.ofd, path.Base(t.at), &t.tree)
	if err != nil {
		return fmt.Errorf("remove %s: %w", shown(t.at), err)
	}
	return nil
}

// removeFolder removes what was compared, and only that: clean is false if
// anything else is there.
func (a *applier) removeFolder(dir int, name string, e *entry) (clean bool, err error) {
	in, err := openFolder(dir, name)
	if lost(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer unix.Close(in)
	names, err := a.list(in)
	if err != nil {
		return false, err
	}
	clean = true
	for _, n := range names {
		kid := e.lookup([]string{n.name})
		if kid == nil || !a.unchanged(in, n, kid) {
			clean = false
			continue
		}
		if kid.o.kind == folder {
			ok, err := a.removeFolder(in, n.name, kid)
			if err != nil {
				return false, err
			}
			clean = clean && ok
			continue
		}
		if err := unix.Unlinkat(in, n.name, 0); err != nil && !gone(err) {
			if errors.Is(err, unix.EISDIR) {
				clean = false
				continue
			}
			return false, fmt.Errorf("%s: %w", n.name, err)
		}
		if err := a.gone(); err != nil {
			return false, err
		}
	}
	if !clean {
		return false, nil
	}
	if err := unix.Unlinkat(dir, name, unix.AT_REMOVEDIR); err != nil && !gone(err) {
		if errors.Is(err, unix.ENOTEMPTY) || errors.Is(err, unix.EEXIST) {
			return false, nil
		}
		return false, fmt.Errorf("%s: %w", name, err)
	}
	return true, a.gone()
}

// gone counts an entry that was removed.
func (a *applier) gone() error {
	a.res.Removed++
	a.done++
	a.tell(false)
	if a.res.Removed%100 == 1 {
		return fault.Point("usr-merge/removing")
	}
	return nil
}

// unchanged tells whether an entry is the one that was compared. The number of an
// inode that /usr has too is not given to another file; any other may be.
func (a *applier) unchanged(dir int, n named, kid *entry) bool {
	if kid.o.ino != n.ino && !a.found.overlay {
		return false
	}
	if kid.act == actDone && !a.found.overlay || kid.o.kind == folder {
		return true
	}
	f, err := stat(dir, n.name)
	return err == nil && f.stamp() == kid.o.stamp()
}
