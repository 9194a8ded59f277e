package system

import (
	"errors"
	"fmt"
	"slices"

	"moss/store"
	"moss/store/state"
	"moss/store/tree"
)

// Changes are names, each sorted.
type Changes struct {
	Added   []string `json:"added"`
	Removed []string `json:"removed"`
	Changed []string `json:"changed"`
}

// Diff is what differs between two states. A package is changed when both have
// its name in different builds; file paths are relative to /usr.
type Diff struct {
	From     state.ID `json:"from"`
	To       state.ID `json:"to"`
	Packages Changes  `json:"packages"`
	Files    Changes  `json:"files"`
}

// Compare says what differs between two states of a root. It takes no lock.
func Compare(root string, from, to state.ID) (Diff, error) {
	s, err := store.View(root)
	if err != nil {
		return Diff{}, err
	}
	d := Diff{From: from, To: to}
	err = d.fill(s)
	return d, errors.Join(err, s.Close())
}

func (d *Diff) fill(s *store.Store) error {
	var choices [2]map[string]state.Package
	var trees [2]*tree.Tree
	for i, id := range []state.ID{d.From, d.To} {
		chosen, err := s.Selected(id)
		if err != nil {
			return err
		}
		choices[i] = byName(chosen)
		if trees[i], err = s.Manifest(id); err != nil {
			return fmt.Errorf("compare state %d: %w", id, err)
		}
	}
	d.Packages = comparePackages(choices[0], choices[1])
	files := tree.Compare(trees[0], trees[1])
	d.Files = Changes{list(files.Added), list(files.Removed), list(files.Changed)}
	return nil
}

func byName(c store.Choice) map[string]state.Package {
	all := map[string]state.Package{}
	for _, p := range c.Packages {
		all[p.Meta.Name] = p.Package
	}
	return all
}

func comparePackages(from, to map[string]state.Package) Changes {
	c := Changes{[]string{}, []string{}, []string{}}
	for name, p := range to {
		if old, had := from[name]; !had {
			c.Added = append(c.Added, p.Label())
		} else if old.ID != p.ID {
			c.Changed = append(c.Changed, fmt.Sprintf("%s %s -> %s", name, Build(&old.Meta), Build(&p.Meta)))
		}
	}
	for name, p := range from {
		if _, has := to[name]; !has {
			c.Removed = append(c.Removed, p.Label())
		}
	}
	for _, names := range [][]string{c.Added, c.Removed, c.Changed} {
		slices.Sort(names)
	}
	return c
}

// list is never nil: scripts get [] and not null.
func list(names []string) []string { return append([]string{}, names...) }
