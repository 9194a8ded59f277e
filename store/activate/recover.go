package activate

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"moss/internal/atomicfile"
	"moss/internal/fault"
)

// Recover believes the trees and mends the names: a folder whose tree says that
// it is another state takes that state's name, durably. Each repair is a line
// of text. Unsealed trees are left alone, as is a second tree that claims a
// state which its own folder already holds. It may be cut anywhere and run
// again; on a root with nothing to mend it writes nothing.
func (r *Root) Recover() ([]string, error) {
	folders, err := r.numbered()
	if err != nil {
		return nil, err
	}
	var repairs []string
	for _, n := range folders {
		lines, err := r.mend(n)
		repairs = append(repairs, lines...)
		if err != nil {
			return repairs, fmt.Errorf("recover folder %s: %w", r.folder(n), err)
		}
	}
	return repairs, nil
}

// Misnamed lists the folders that Recover would rename, and writes nothing: a
// root that is mounted read-only need not become writable to learn that all is
// well.
func (r *Root) Misnamed() ([]ID, error) {
	folders, err := r.numbered()
	if err != nil {
		return nil, err
	}
	var wrong []ID
	for _, n := range folders {
		id, err := LiveID(r.Archive(n))
		if errors.Is(err, ErrUnsealed) || id == n {
			continue
		}
		if err != nil {
			return nil, err
		}
		if holder, err := LiveID(r.Archive(id)); err != nil || holder != id {
			wrong = append(wrong, n)
		}
	}
	return wrong, nil
}

// mend renames folder n until its tree and its name agree or nothing more can
// be done. In a cycle each exchange of names settles one folder for good, so
// the loop ends.
func (r *Root) mend(n ID) ([]string, error) {
	var repairs []string
	for {
		id, err := LiveID(r.Archive(n))
		if errors.Is(err, ErrUnsealed) || (err == nil && id == n) {
			return repairs, nil
		}
		if err != nil {
			return repairs, err
		}
		line, moved, err := r.rename(n, id)
		if line != "" && err == nil {
			repairs = append(repairs, line)
		}
		if err != nil || !moved {
			return repairs, err
		}
	}
}

// rename gives folder n, which holds the tree of state id, that state's name.
// A folder that has the name already without being that state changes names
// with it, so nothing is overwritten and the sealed tree gets its place.
func (r *Root) rename(n, id ID) (line string, moved bool, err error) {
	if err := fault.Point("activate/mending"); err != nil {
		return "", false, err
	}
	from, to := r.folder(n), r.folder(id)
	if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
		if err := renameNew(from, to); err != nil {
			return "", false, err
		}
		return fmt.Sprintf("state %s: its folder was named %s, renamed", id, n), true, atomicfile.SyncDir(r.states())
	}
	holder, err := LiveID(r.Archive(id))
	if err == nil && holder == id {
		return fmt.Sprintf("state %s is there twice: folder %s holds it too, left alone", id, n), false, nil
	}
	if err != nil && !errors.Is(err, ErrUnsealed) {
		return "", false, err
	}
	if err := atomicfile.Exchange(from, to); err != nil {
		return "", false, err
	}
	return fmt.Sprintf("state %s: its folder was named %s, names exchanged", id, n), true, atomicfile.SyncDir(r.states())
}

// renameNew renames a folder and never replaces one: rename(2) alone would
// silently take the place of an empty folder.
func renameNew(from, to string) error {
	if err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE); err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}
