package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"moss/internal/atomicfile"
	"moss/internal/fault"
	"moss/store/state"
)

// Remove takes an archived state away and returns the bytes that this freed. Its
// boot entry must be gone before. Until the folder has lost its name the state is
// whole; from then on it is rubbish, which the next Open or Collect finishes.
func (s *Store) Remove(id state.ID) (freed int64, err error) {
	if err := fault.Point("prune/state"); err != nil {
		return 0, err
	}
	if live, err := s.Active(); err == nil && live == id {
		return 0, &RefusedError{fmt.Sprintf("remove state %d: it is the live one", id), "activate another state first"}
	}
	folder, doomed := filepath.Dir(s.trees.Archive(id)), s.path("root", stagePrefix+id.String())
	err = os.Rename(folder, doomed)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("remove state %d: %w", id, err)
	}
	if err := atomicfile.SyncDir(s.path("root")); err != nil {
		return 0, fmt.Errorf("remove state %d: %w", id, err)
	}
	if err := s.db.DropState(id); err != nil {
		return 0, err
	}
	for _, path := range []string{s.manifest(id), doomed} {
		n, err := erase(path)
		freed += n
		if err != nil {
			return freed, fmt.Errorf("remove state %d: %w", id, err)
		}
	}
	return freed, nil
}

// Collect removes garbage and returns the bytes that this freed. Rows go first,
// durably: a package without a row is asked for again and unpacked anew, one with
// a row and without its parts would be believed. Then layouts, then what they
// name. A cut leaves garbage for the next time and nothing else.
func (s *Store) Collect(g Garbage) (freed int64, err error) {
	if err := fault.Point("prune/rows"); err != nil {
		return 0, err
	}
	if len(g.Packages) > 0 {
		if err := s.db.DropPackages(g.Packages); err != nil {
			return 0, err
		}
	}
	if err := fault.Point("prune/assets"); err != nil {
		return 0, err
	}
	for _, name := range append(g.Files, g.Folders...) {
		n, err := erase(s.path(name))
		freed += n
		if err != nil {
			return freed, fmt.Errorf("remove garbage: %w", err)
		}
	}
	return freed, fault.Point("prune/done")
}

// erase is os.RemoveAll that counts what it frees: the blocks of a file when its
// last name goes.
func erase(path string) (freed int64, err error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	} else if err != nil {
		return 0, &fs.PathError{Op: "lstat", Path: path, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		if st.Nlink == 1 {
			freed = st.Blocks * blockSize
		}
		return freed, os.Remove(path)
	}
	names, err := os.ReadDir(path)
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		n, err := erase(filepath.Join(path, name.Name()))
		freed += n
		if err != nil {
			return freed, err
		}
	}
	return freed + st.Blocks*blockSize, os.Remove(path)
}
