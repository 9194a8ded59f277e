package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"moss/store/state"
	"moss/store/stone"
)

// Request is what a user wants to change in a selection.
type Request struct {
	Add    []state.Package // unpacked already; replaces a package of the same name
	Remove []string        // names
	Force  bool            // accept missing dependencies
}

// ErrRefused is what a change that must not happen unwraps to: nothing was changed.
var ErrRefused = errors.New("refused")

// RefusedError says why a selection is refused.
type RefusedError struct{ What, Advice string }

func (e *RefusedError) Error() string { return e.What }
func (e *RefusedError) Unwrap() error { return ErrRefused }

// Hint says how to get what was asked for all the same.
func (e *RefusedError) Hint() string { return e.Advice }

// Choice is a selection with the packages it names.
type Choice struct {
	Packages []state.Package
	explicit map[string]bool // package id
}

// Selections is the choice as the database records it.
func (c Choice) Selections() []state.Selection {
	var all []state.Selection
	for _, p := range c.Packages {
		all = append(all, state.Selection{Package: p.ID, Explicit: c.explicit[p.ID]})
	}
	return all
}

// Names are the names of the choice's packages, sorted.
func (c Choice) Names() []string {
	var names []string
	for _, p := range c.Packages {
		names = append(names, p.Meta.Name)
	}
	slices.Sort(names)
	return names
}

// Selected is the choice that a state was made of.
func (s *Store) Selected(id state.ID) (Choice, error) {
	c := Choice{explicit: map[string]bool{}}
	one, err := s.db.State(id)
	if err != nil {
		return c, err
	}
	for _, sel := range one.Selections {
		p, err := s.db.Package(sel.Package)
		if err != nil {
			return c, fmt.Errorf("read selection of state %d: %w", id, err)
		}
		c.Packages = append(c.Packages, p)
		c.explicit[p.ID] = sel.Explicit
	}
	return c, nil
}

// Resolve applies a request to a choice. Removal takes along what only the
// removed packages needed and refuses to take away what others need.
func (c Choice) Resolve(req Request) (Choice, error) {
	next := Choice{explicit: map[string]bool{}}
	for _, name := range req.Remove {
		if !slices.ContainsFunc(c.Packages, named(name)) {
			return next, &RefusedError{fmt.Sprintf("remove %s: it is not installed", name), "see what is: moss state show"}
		}
	}
	replaced := slices.Clone(req.Remove)
	for _, p := range req.Add {
		replaced = append(replaced, p.Meta.Name)
	}
	for _, p := range c.Packages {
		if !slices.Contains(replaced, p.Meta.Name) {
			next.add(p, c.explicit[p.ID])
		}
	}
	for _, p := range req.Add {
		if i := slices.IndexFunc(next.Packages, named(p.Meta.Name)); i >= 0 && next.Packages[i].ID != p.ID {
			return next, &RefusedError{fmt.Sprintf("install %s: two different files of that name were given", p.Label()), "give one of the two"}
		} else if i < 0 {
			next.add(p, true)
		}
	}
	if len(req.Remove) > 0 {
		next = next.withoutOrphans(c)
	}
	return next, next.check(req.Force)
}

func named(name string) func(state.Package) bool {
	return func(p state.Package) bool { return p.Meta.Name == name }
}

func (c *Choice) add(p state.Package, explicit bool) {
	c.Packages = append(c.Packages, p)
	c.explicit[p.ID] = explicit
}

// providers maps every capability to the packages that have it; each package
// provides its own name.
func (c Choice) providers() map[stone.Provider][]state.Package {
	all := map[stone.Provider][]state.Package{}
	for _, p := range c.Packages {
		own := stone.Provider{Kind: stone.KindName, Name: p.Meta.Name}
		all[own] = append(all[own], p)
		for _, to := range p.Meta.Provides {
			if to != own {
				all[to] = append(all[to], p)
			}
		}
	}
	return all
}

// withoutOrphans keeps what a user asked for, what that needs, and what nothing
// needed before either: only what this removal made superfluous goes.
func (c Choice) withoutOrphans(before Choice) Choice {
	needed := before.reachable()
	still := c.reachable()
	kept := Choice{explicit: map[string]bool{}}
	for _, p := range c.Packages {
		if still[p.ID] || !needed[p.ID] {
			kept.add(p, c.explicit[p.ID])
		}
	}
	return kept
}

func (c Choice) reachable() map[string]bool {
	by, seen := c.providers(), map[string]bool{}
	var queue []state.Package
	for _, p := range c.Packages {
		if c.explicit[p.ID] {
			queue = append(queue, p)
		}
	}
	for len(queue) > 0 {
		p := queue[0]
		queue = queue[1:]
		if seen[p.ID] {
			continue
		}
		seen[p.ID] = true
		for _, need := range p.Meta.Depends {
			queue = append(queue, by[need]...)
		}
	}
	return seen
}

// check refuses a choice in which something is missing or two packages exclude
// each other. Force accepts the first, never the second.
func (c Choice) check(force bool) error {
	by := c.providers()
	var missing []string
	for _, p := range c.Packages {
		for _, need := range p.Meta.Depends {
			if len(by[need]) == 0 {
				missing = append(missing, fmt.Sprintf("%s needs %s", p.Meta.Name, need))
			}
		}
		for _, against := range p.Meta.Conflicts {
			for _, other := range by[against] {
				if other.ID != p.ID {
					return &RefusedError{fmt.Sprintf("%s conflicts with %s", p.Label(), other.Label()), "install only one of the two"}
				}
			}
		}
	}
	if len(missing) == 0 || force {
		return nil
	}
	slices.Sort(missing)
	return &RefusedError{"dependencies are missing: " + shorten(missing, 5), "add what is needed, or use --force if you know better"}
}

func shorten(list []string, most int) string {
	if len(list) > most {
		return strings.Join(list[:most], ", ") + fmt.Sprintf(" and %d more", len(list)-most)
	}
	return strings.Join(list, ", ")
}
