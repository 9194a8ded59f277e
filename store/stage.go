package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"moss/internal/atomicfile"
	"moss/internal/fault"
	"moss/store/activate"
	"moss/store/blit"
	"moss/store/state"
	"moss/store/tree"
)

// Plan builds the tree of a choice in memory from the recorded layouts.
func (s *Store) Plan(c Choice) (*tree.Tree, error) {
	var packages []tree.Package
	for _, p := range c.Packages {
		own, err := tree.Load(s.layouts(p.ID))
		if err != nil {
			return nil, fmt.Errorf("read layouts of %s: %w", p.Label(), err)
		}
		packages = append(packages, tree.Package{ID: p.ID, Name: p.Label(), Entries: own.Entries})
	}
	return tree.Build(packages)
}

// Stage is a tree on disk that is not a state yet.
type Stage struct {
	store *Store
	dir   string
	tree  *tree.Tree
}

// Stage writes t into a private folder. Until Seal nothing can take it for a state.
func (s *Store) Stage(ctx context.Context, t *tree.Tree) (*Stage, error) {
	if err := s.checkSpace(t); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(s.path("root"), stagePrefix)
	if err != nil {
		return nil, fmt.Errorf("make stage: %w", err)
	}
	st := &Stage{s, dir, t}
	err = errors.Join(os.Chmod(dir, 0o755), os.Mkdir(st.Usr(), 0o755), os.Chmod(st.Usr(), 0o755))
	if err == nil {
		err = blit.Tree(ctx, t, s.assets, st.Usr())
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
// its id. Everything in the tree is on stable storage before .stateID is
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
	if err := fault.Point("seal/recorded"); err != nil {
		return 0, err
	}
	if err := st.tree.Save(s.manifest(id)); err != nil {
		return 0, fmt.Errorf("record manifest of state %d: %w", id, err)
	}
	if err := activate.Seal(st.Usr(), id); err != nil {
		return 0, fmt.Errorf("seal state %d: %w", id, err)
	}
	if err := fault.Point("seal/sealed"); err != nil {
		return 0, err
	}
	if err := os.Rename(st.dir, filepath.Dir(s.trees.Archive(id))); err != nil {
		return 0, fmt.Errorf("archive state %d: %w", id, err)
	}
	st.dir = ""
	return id, atomicfile.SyncDir(s.path("root"))
}

// SpaceError says how much a transaction needs.
type SpaceError struct {
	Where      string
	Need, Have uint64 // bytes
}

func (e *SpaceError) Error() string {
	return fmt.Sprintf("no space on %s: need %d bytes, have %d", e.Where, e.Need, e.Have)
}

// Unwrap makes it a refusal: nothing was changed.
func (e *SpaceError) Unwrap() error { return ErrRefused }

// Hint says what helps.
func (e *SpaceError) Hint() string { return "remove old states or other files from that file system" }

// entryCost is what one more name costs at the most where it is dearest: a
// folder's own block. A link costs a directory entry, far less.
const entryCost = 4096

func (s *Store) checkSpace(t *tree.Tree) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(s.path(), &fs); err != nil {
		return fmt.Errorf("ask for free space: %w", err)
	}
	need := uint64(0)
	for _, e := range t.Entries {
		if e.IsDir() {
			need += entryCost
		}
	}
	if have := fs.Bavail * uint64(fs.Bsize); have < need {
		return &SpaceError{s.path(), need, have}
	}
	return nil
}
