// Package store is moss' engine: packages unpacked into a content-addressed
// store, states made of them as whole /usr trees, and the exchange that makes
// one of them live. It knows nothing of booting.
package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"moss/store/activate"
	"moss/store/asset"
	"moss/store/state"
	"moss/store/tree"
)

// Home is moss' folder below a root.
const Home = ".moss"

// Store is the engine of one root.
type Store struct {
	root   string
	db     *state.DB
	assets *asset.Store
	trees  *activate.Root
	lock   *lock // nil in a view
}

// Access says how a store is opened for writing.
type Access struct {
	Command string              // what others are told when they find the root locked
	Waiting func(holder string) // called once if somebody else writes; nil: do not wait
}

// Open opens the store of root for writing, making it when there is none, and
// puts right what a crash left. It holds the root's lock until Close. The
// repairs are returned as lines for the user.
func Open(ctx context.Context, root string, a Access) (*Store, []string, error) {
	for _, dir := range []string{"root", "packages", "manifests", "assets", "db", "cache/downloads"} {
		if err := os.MkdirAll(filepath.Join(root, Home, dir), 0o755); err != nil {
			return nil, nil, fmt.Errorf("prepare store: %w", err)
		}
	}
	held, err := acquire(ctx, filepath.Join(root, Home, "lock"), a.Command, a.Waiting)
	if err != nil {
		return nil, nil, err
	}
	s := &Store{root: root, lock: held, trees: activate.Open(root)}
	repairs, err := s.openParts()
	if err != nil {
		return nil, nil, errors.Join(err, s.Close())
	}
	return s, repairs, nil
}

func (s *Store) openParts() (repairs []string, err error) {
	if s.assets, err = asset.Open(s.path("assets")); err != nil {
		return nil, err
	}
	if s.db, err = state.Open(s.path("db", "moss.sqlite")); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	return s.recover()
}

// NoStoreError is returned by View for a root that moss never wrote to.
type NoStoreError struct{ Root string }

func (e *NoStoreError) Error() string { return "open store in " + e.Root + ": there is none" }

// Hint says how one comes to be.
func (e *NoStoreError) Hint() string { return "name the right root with -D, or install a package" }

// View opens the store of root for questions only. It takes no lock and repairs
// nothing.
func View(root string) (*Store, error) {
	s := &Store{root: root, trees: activate.Open(root)}
	s.assets = asset.View(s.path("assets"))
	var err error
	s.db, err = state.View(s.path("db", "moss.sqlite"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, &NoStoreError{root}
	}
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	return s, nil
}

// Close lets go of the database and the lock.
func (s *Store) Close() error {
	var errs []error
	if s.db != nil {
		errs = append(errs, s.db.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.release())
	}
	return errors.Join(errs...)
}

func (s *Store) path(parts ...string) string {
	return filepath.Join(append([]string{s.root, Home}, parts...)...)
}

// Root is the folder that the store serves.
func (s *Store) Root() string { return s.root }

// Trees is the part that the running system and early boot share.
func (s *Store) Trees() *activate.Root { return s.trees }

// stagePrefix marks a folder in /.moss/root that is not a state yet. A dot and
// no number: nothing that looks for states can take it for one.
const stagePrefix = ".stage-"

// recover runs at every open for writing. The trees are believed first; then
// whatever has no tree goes.
func (s *Store) recover() ([]string, error) {
	lines, err := s.trees.Recover()
	if err != nil {
		return nil, fmt.Errorf("recover: %w", err)
	}
	names, err := os.ReadDir(s.path("root"))
	if err != nil {
		return nil, fmt.Errorf("recover: %w", err)
	}
	for _, n := range names {
		if strings.HasPrefix(n.Name(), stagePrefix) {
			lines = append(lines, "dropped unfinished stage "+n.Name())
			if err := os.RemoveAll(s.path("root", n.Name())); err != nil {
				return nil, fmt.Errorf("recover: %w", err)
			}
		}
	}
	dropped, err := s.dropGhosts()
	return append(lines, dropped...), err
}

// dropGhosts forgets states whose tree never came: the row is written before
// the tree is sealed, and the power may go in between. While it cannot be read
// which state the live tree is, a state with a manifest may be that one.
func (s *Store) dropGhosts() (lines []string, err error) {
	all, err := s.db.States()
	if err != nil {
		return nil, err
	}
	live, err := s.Active()
	unsure := err != nil && !s.EmptyUsr()
	for _, one := range all {
		if one.ID == live || exists(s.path("root", one.ID.String())) || unsure && exists(s.manifest(one.ID)) {
			continue
		}
		lines = append(lines, fmt.Sprintf("forgot state %d: it was never finished", one.ID))
		if err := errors.Join(s.db.DropState(one.ID), removeIfThere(s.manifest(one.ID))); err != nil {
			return nil, err
		}
	}
	return lines, nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// Active is the id that the live /usr carries.
func (s *Store) Active() (state.ID, error) { return activate.LiveID(s.trees.Usr()) }

func (s *Store) manifest(id state.ID) string { return s.path("manifests", id.String()) }

// Manifest is the recorded tree of a state.
func (s *Store) Manifest(id state.ID) (*tree.Tree, error) { return tree.Load(s.manifest(id)) }

// Usr is the folder that holds the tree of a state: the live one or its archive.
func (s *Store) Usr(id state.ID) string {
	if live, err := s.Active(); err == nil && live == id {
		return s.trees.Usr()
	}
	return s.trees.Archive(id)
}

// States lists the recorded states, oldest first.
func (s *Store) States() ([]state.State, error) { return s.db.States() }

// State is one recorded state, or state.ErrNotFound.
func (s *Store) State(id state.ID) (state.State, error) { return s.db.State(id) }

// Package is one package that was ever unpacked, or state.ErrNotFound.
func (s *Store) Package(id string) (state.Package, error) { return s.db.Package(id) }
