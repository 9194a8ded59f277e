package store

import (
	"errors"
	"fmt"
	"slices"

	"moss/store/state"
)

// ErrRefused is what a change that must not happen unwraps to: nothing was changed.
var ErrRefused = errors.New("refused")

// RefusedError says why a change is refused.
type RefusedError struct{ What, Advice string }

func (e *RefusedError) Error() string { return e.What }
func (e *RefusedError) Unwrap() error { return ErrRefused }

// Hint says how to get what was asked for all the same.
func (e *RefusedError) Hint() string { return e.Advice }

// Chosen is a package of a selection; Explicit means a user asked for it.
type Chosen struct {
	state.Package
	Explicit bool
}

// Choice is a selection with the packages it names.
type Choice struct{ Packages []Chosen }

// Selections is the choice as the database records it.
func (c Choice) Selections() []state.Selection {
	var all []state.Selection
	for _, p := range c.Packages {
		all = append(all, state.Selection{Package: p.ID, Explicit: p.Explicit})
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
	var c Choice
	one, err := s.db.State(id)
	if err != nil {
		return c, err
	}
	packages, err := s.db.PackagesOf(id)
	if err != nil {
		return c, fmt.Errorf("read selection of state %d: %w", id, err)
	}
	explicit := map[string]bool{}
	for _, sel := range one.Selections {
		explicit[sel.Package] = sel.Explicit
	}
	for _, p := range packages {
		c.Packages = append(c.Packages, Chosen{p, explicit[p.ID]})
	}
	return c, nil
}
