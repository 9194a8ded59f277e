package system

import (
	"fmt"
	"path/filepath"
	"slices"

	"moss/store/repo"
	"moss/usrmerge"
)

// standings lists the configured repositories and what each is to a root.
func standings(root string) ([]repo.Repository, []repo.Standing, error) {
	all, err := repo.Configured(root)
	if err != nil {
		return nil, nil, err
	}
	var split error
	if slices.ContainsFunc(all, func(r repo.Repository) bool { return r.MergedOnly }) {
		split = unmerged(root)
	}
	places, err := repo.Standings(root, all, split)
	return all, places, err
}

// updating is how indexes are fetched, with what repositories for merged systems
// ask of this one.
func (o Options) updating() repo.Options {
	return repo.Options{Options: o.fetching(), Merged: func() error { return unmerged(o.Root) }, Log: o.Log}
}

// unmerged says why a root does not count as merged, nil if it does: the complete
// marker is there, and it still is true. What cannot be found out counts as no.
func unmerged(root string) error {
	root, err := filepath.Abs(root)
	if err != nil {
		return err
	}
	c, err := usrmerge.ReadConfig(root)
	if err != nil {
		return err
	}
	there, err := usrmerge.Present(root, c.Complete)
	if err != nil {
		return err
	}
	if !there {
		return fmt.Errorf("the usr-merge is not complete here (%s is missing)", c.Complete)
	}
	// Not c.Dirs: a folder that came into dirs= later takes nothing back.
	merged, err := usrmerge.Merged(root, nil)
	if err == nil && !merged {
		err = fmt.Errorf("%s is there, but the system is not merged any more", c.Complete)
	}
	return err
}
