package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"moss/internal/atomicfile"
	"moss/internal/fault"
	"moss/store/activate"
	"moss/store/blit"
	"moss/store/state"
	"moss/store/tree"
)

// Plan builds the tree of a choice in memory: from the recorded layouts, and
// for packages that are not unpacked yet from the stones themselves. Every
// conflict is found here, before a byte is written.
func (s *Store) Plan(c Choice, fresh []*Prepared) (*tree.Tree, error) {
	own := map[string]*tree.Tree{}
	for _, p := range fresh {
		own[p.ID] = p.tree
	}
	var packages []tree.Package
	for _, p := range c.Packages {
		t, given := own[p.ID]
		if !given {
			var err error
			if t, err = tree.Load(s.layouts(p.ID)); err != nil {
				return nil, fmt.Errorf("read layouts of %s: %w", p.Label(), err)
			}
		}
		packages = append(packages, tree.Package{ID: p.ID, Name: p.Label(), Entries: t.Entries})
	}
	return tree.Build(packages)
}

// Stage is a tree on disk that is not a state yet.
type Stage struct {
	store *Store
	dir   string
	tree  *tree.Tree
}

// Stage writes t into a private folder. Until Seal nothing can take it for a
// state. done is told of progress as by blit.Tree.
func (s *Store) Stage(ctx context.Context, t *tree.Tree, done func(int64)) (*Stage, error) {
	dir, err := os.MkdirTemp(s.path("root"), stagePrefix)
	if err != nil {
		return nil, fmt.Errorf("make stage: %w", err)
	}
	st := &Stage{s, dir, t}
	err = errors.Join(os.Chmod(dir, 0o755), os.Mkdir(st.Usr(), 0o755), os.Chmod(st.Usr(), 0o755))
	if err == nil {
		err = blit.Tree(ctx, t, s.assets, st.Usr(), done)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("stage tree: %w", err), st.Drop())
	}
	return st, nil
}

// Usr is the staged tree.
func (st *Stage) Usr() string { return filepath.Join(st.dir, "usr") }

// Drop removes the stage; after Seal it does nothing.
func (st *Stage) Drop() error {
	if st.dir == "" {
		return nil
	}
	return os.RemoveAll(st.dir)
}

// Seal makes the stage the state that record describes, archived, and returns
// its id. With an error the id is 0 unless the stage has become a state all the
// same, which the caller may Withdraw. Everything in the tree is on stable storage before .stateID is
// written, so a tree that has one is whole. The row comes first: a row without
// a tree is dropped at the next open, a tree without a row would be a riddle.
func (st *Stage) Seal(record state.State) (state.ID, error) {
	s := st.store
	if err := fault.Point("seal/sync"); err != nil {
		return 0, err
	}
	if err := atomicfile.SyncFS(st.dir); err != nil {
		return 0, fmt.Errorf("make stage durable: %w", err)
	}
	id, err := s.db.AddState(record)
	if err != nil {
		return 0, err
	}
	if err := st.archive(id); err != nil {
		if st.dir != "" { // it has not become a state: nobody should hear of it
			return 0, errors.Join(err, s.db.DropState(id), removeIfThere(s.manifest(id)))
		}
		return id, err
	}
	return id, nil
}

func (st *Stage) archive(id state.ID) error {
	s := st.store
	if err := fault.Point("seal/recorded"); err != nil {
		return err
	}
	if err := st.tree.Save(s.manifest(id)); err != nil {
		return fmt.Errorf("record manifest of state %d: %w", id, err)
	}
	if err := activate.Seal(st.Usr(), id); err != nil {
		return fmt.Errorf("seal state %d: %w", id, err)
	}
	if err := fault.Point("seal/sealed"); err != nil {
		return err
	}
	if err := os.Rename(st.dir, filepath.Dir(s.trees.Archive(id))); err != nil {
		return fmt.Errorf("archive state %d: %w", id, err)
	}
	st.dir = ""
	if err := fault.Point("seal/archived"); err != nil {
		return err
	}
	return atomicfile.SyncDir(s.path("root"))
}
