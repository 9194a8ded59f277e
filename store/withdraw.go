package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"moss/internal/atomicfile"
	"moss/store/state"
)

// Withdraw takes an archived state away again: its folder first loses the name
// that makes it a state, durably, then the row goes, then the files. The live
// state is refused.
func (s *Store) Withdraw(id state.ID) error {
	if live, err := s.Active(); err == nil && live == id {
		return &RefusedError{fmt.Sprintf("remove state %d: it is the live one", id), "activate another state first"}
	}
	folder, doomed := filepath.Dir(s.trees.Archive(id)), s.path("root", stagePrefix+id.String())
	if err := os.Rename(folder, doomed); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove state %d: %w", id, err)
	}
	if err := atomicfile.SyncDir(s.path("root")); err != nil {
		return fmt.Errorf("remove state %d: %w", id, err)
	}
	err := errors.Join(s.db.DropState(id), removeIfThere(s.manifest(id)), os.RemoveAll(doomed))
	if err != nil {
		return fmt.Errorf("remove state %d: %w", id, err)
	}
	return nil
}

// EmptyUsr reports whether there is nothing at /usr that an exchange would move away.
func (s *Store) EmptyUsr() bool {
	names, err := os.ReadDir(s.trees.Usr())
	return errors.Is(err, os.ErrNotExist) || err == nil && len(names) == 0
}
