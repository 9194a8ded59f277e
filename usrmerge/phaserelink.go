package usrmerge

import (
	"fmt"
	"path"

	"golang.org/x/sys/unix"
)

// relink makes the symlinks whose text is another in the new place, and puts
// files in the place of symlinks that lead to them, or nowhere.
func (a *applier) relink() error {
	err := a.each(actRelink, func(d *both, e *entry) error {
		if err := a.freshLink(d, e); err != nil {
			return fmt.Errorf("make symlink %s: %w", shown(path.Join(d.new, e.name)), err)
		}
		return a.step("relinked")
	})
	if err == nil {
		err = a.keepDisplaced()
	}
	if err == nil {
		err = a.each(actTake|actDisplace, func(d *both, e *entry) error {
			if err := a.replace(d, e); err != nil {
				return err
			}
			return a.step("taken")
		})
	}
	if err == nil {
		err = a.each(actMirror, a.mirror)
	}
	return err
}

func (a *applier) freshLink(d *both, e *entry) error {
	temp := a.temp()
	err := a.newLink(d, e, temp)
	if err == nil {
		err = unix.Renameat2(d.nfd, temp, d.nfd, e.name, unix.RENAME_NOREPLACE)
	}
	if err != nil {
		_ = unix.Unlinkat(d.nfd, temp, 0)
	}
	if changed(err) {
		return nil
	}
	return err
}

// newLink is a symlink with the owner, attributes and times of the old one.
func (a *applier) newLink(d *both, e *entry, temp string) error {
	return copySymlink(spot{d.ofd, e.name, &e.o}, d.nfd, temp, e.text)
}

// mirror exchanges a full folder with the symlink that led back to the old one.
func (a *applier) mirror(d *both, e *entry) error {
	if e.as == "" {
		return nil
	}
	name := newName(d, e)
	err := unix.Renameat2(d.nfd, e.as, d.nfd, name, unix.RENAME_EXCHANGE)
	if err == nil {
		err = unix.Unlinkat(d.nfd, e.as, 0)
	}
	if err != nil && !changed(err) {
		return fmt.Errorf("exchange %s: %w", shown(path.Join(d.new, name)), err)
	}
	e.as = ""
	return a.step("mirrored")
}

// aliases makes what an alias will need: a symlink to the other folder, or to
// each entry of it. All those are there by now.
func (a *applier) aliases() error {
	for _, t := range a.found.tops {
		if t.State != StateAlias || t.tree.todo&actAlias == 0 {
			continue
		}
		dir, err := a.root.folder(up(t.new))
		if err != nil {
			return err
		}
		err = a.aliasIn(dir, &t.tree, t.new)
		_ = unix.Close(dir)
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *applier) aliasIn(dir int, e *entry, new string) error {
	if e.act == actAlias {
		temp := a.temp()
		err := unix.Symlinkat(e.text, dir, temp)
		if err == nil && e.n != nil {
			err = unix.Renameat(dir, temp, dir, e.name)
		} else if err == nil {
			err = unix.Renameat2(dir, temp, dir, e.name, unix.RENAME_NOREPLACE)
		}
		if err != nil {
			_ = unix.Unlinkat(dir, temp, 0)
		}
		if err != nil && !changed(err) {
			return fmt.Errorf("make symlink %s: %w", shown(new), err)
		}
		return a.step("relinked")
	}
	if !e.below(actAlias) {
		return nil
	}
	in, err := openFolder(dir, e.name)
	if lost(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open %s: %w", shown(new), err)
	}
	defer unix.Close(in)
	for i := range e.kids {
		if err := a.aliasIn(in, &e.kids[i], path.Join(new, e.kids[i].name)); err != nil {
			return err
		}
	}
	return nil
}
