package usrmerge

import (
	"errors"
	"fmt"
	"path"

	"golang.org/x/sys/unix"

	"moss/internal/fault"
)

// exchange puts the symlinks in the place of the old folders, one step each. All
// that is in any of them is in /usr by now. Aliases come first: once the folder
// that one leads to is a symlink into /usr, it would count as merged.
func (a *applier) exchange() error {
	a.swapped = nil
	var order []*top
	for _, t := range a.found.tops {
		if t.State == StateAlias {
			order = append(order, t)
		}
	}
	for _, t := range a.found.tops {
		if t.State == StateMerge && !t.leftover {
			order = append(order, t)
		}
	}
	for _, t := range order {
		err := a.swap(t)
		if errors.Is(err, unix.EXDEV) && t.State == StateMerge {
			return a.cannot(t)
		}
		if err != nil {
			return errors.Join(fmt.Errorf("exchange %s: %w", shown(t.path), err), a.back())
		}
	}
	return nil
}

// swap gives one top name its symlink.
func (a *applier) swap(t *top) error {
	dir, err := a.root.folder(up(t.path))
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	name, spare := path.Base(t.path), path.Base(t.spare)
	if err := unix.Symlinkat(t.text, dir, spare); err != nil {
		return err
	}
	err = label(dir, name, dir, spare)
	if err == nil {
		err = fault.Point("usr-merge/exchanging")
	}
	if err == nil {
		err = a.stopped()
	}
	if err == nil && t.State == StateAlias {
		err = unix.Renameat(dir, spare, dir, name)
	} else if err == nil {
		err = unix.Renameat2(dir, spare, dir, name, unix.RENAME_EXCHANGE)
	}
	if err != nil {
		_ = unix.Unlinkat(dir, spare, 0)
		return err
	}
	a.late = true
	a.swapped = append(a.swapped, t)
	return a.step("exchanged")
}

// cannot refuses a folder that the kernel does not rename: one of a lower layer
// of an overlay. Texts of symlinks may depend on where it is, so all are put back
// and planned anew without it.
func (a *applier) cannot(t *top) error {
	if err := a.back(); err != nil {
		return err
	}
	a.stuck = append(a.stuck, Refusal{Dir: t.Name, Path: t.path, Why: "cannot be renamed: it lies on a lower layer of an overlay",
		Hint: "mount the overlay with redirect_dir=on, or merge the lower layer itself"})
	return errAgain
}

// errAgain says that the merge has to be planned anew.
var errAgain = errors.New("plan again")

// back undoes the exchanges of this run. No old folder has lost anything yet.
func (a *applier) back() error {
	for i := len(a.swapped) - 1; i >= 0; i-- {
		if err := a.swapBack(a.swapped[i]); err != nil {
			return fmt.Errorf("exchange %s back: %w", shown(a.swapped[i].path), err)
		}
	}
	if len(a.swapped) == 0 {
		return nil
	}
	a.swapped = nil
	return a.sync()
}

func (a *applier) swapBack(t *top) error {
	dir, err := a.root.folder(up(t.path))
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	name, spare := path.Base(t.path), path.Base(t.spare)
	if t.State == StateAlias {
		if err := unix.Symlinkat(t.facts.text, dir, spare); err != nil {
			return err
		}
		return unix.Renameat(dir, spare, dir, name)
	}
	if err := unix.Renameat2(dir, spare, dir, name, unix.RENAME_EXCHANGE); err != nil {
		return err
	}
	return unix.Unlinkat(dir, spare, 0)
}
