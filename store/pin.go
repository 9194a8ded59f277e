package store

import (
	"errors"
	"io/fs"

	"moss/store/state"
	"moss/store/stone"
	"moss/store/tree"
)

// SetPinned keeps a state from being removed, or allows it again.
func (s *Store) SetPinned(id state.ID, pinned bool) error { return s.db.SetPinned(id, pinned) }

// Packages lists every package that is recorded, selected or not, by id.
func (s *Store) Packages() ([]state.Package, error) { return s.db.Packages() }

// Unique is, for each of all states, the bytes of contents that no package of another
// state has: about what removing that state alone frees. It reads the layouts of
// the selected packages, each once, however many states select them; what
// triggers made is not counted.
func (s *Store) Unique(rows []state.State) (map[state.ID]int64, error) {
	sole, shared := owners(rows)
	type share struct {
		id   state.ID
		size int64
	}
	mine := map[stone.Hash]share{}
	for p, id := range sole {
		err := s.eachContent(p, func(e tree.Entry) {
			if before, known := mine[e.Hash]; known && before.id != id {
				mine[e.Hash] = share{} // two states have it
			} else if !known {
				mine[e.Hash] = share{id, e.Size}
			}
		})
		if err != nil {
			return nil, err
		}
	}
	for _, p := range shared {
		if len(mine) == 0 {
			break
		}
		if err := s.eachContent(p, func(e tree.Entry) { delete(mine, e.Hash) }); err != nil {
			return nil, err
		}
	}
	sizes := map[state.ID]int64{}
	for _, one := range mine {
		sizes[one.id] += one.size
	}
	return sizes, nil
}

// owners separates packages that one state alone selects from those of several.
func owners(rows []state.State) (sole map[string]state.ID, shared []string) {
	sole, several := map[string]state.ID{}, map[string]bool{}
	for _, row := range rows {
		for _, sel := range row.Selections {
			if _, known := sole[sel.Package]; known {
				several[sel.Package] = true
			} else {
				sole[sel.Package] = row.ID
			}
		}
	}
	for p := range several {
		delete(sole, p)
		shared = append(shared, p)
	}
	return sole, shared
}

// eachContent calls visit for the regular files of a package. Layouts that are
// missing or damaged are passed over: a list is no verification.
func (s *Store) eachContent(id string, visit func(tree.Entry)) error {
	t, err := tree.Load(s.layouts(id))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, tree.ErrManifest) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range t.Entries {
		if e.IsRegular() {
			visit(e)
		}
	}
	return nil
}
