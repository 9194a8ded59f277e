package repo

import (
	"sync"
	"time"
)

// Unavailable is a repository in use whose packages cannot be used, and why.
type Unavailable struct {
	Repo string
	Err  error
}

// Known is what the repositories in use have.
type Known struct {
	Packages    []Package
	Unavailable []Unavailable
}

// Available lists the packages of all repositories in use as they were last
// fetched: no network, no lock, any user. Repositories that cannot be used are
// left out; Load names them.
func Available(root string) ([]Package, error) {
	known, err := Load(root)
	return known.Packages, err
}

// Load is Available with the repositories that are left out. Its error is about
// the configuration, or about who succeeds whom, alone. Packages come in the order of Configured, and in one
// repository in the order of its index.
func Load(root string) (Known, error) {
	s, err := successionOf(root, nil)
	if err != nil {
		return Known{}, err
	}
	all := s.used()
	var known Known
	packages, errs := make([][]Package, len(all)), make([]error, len(all))
	var work sync.WaitGroup
	for i, r := range all {
		work.Go(func() { packages[i], errs[i] = load(root, r) })
	}
	work.Wait()
	for i, r := range all {
		if errs[i] != nil {
			known.Unavailable = append(known.Unavailable, Unavailable{r.Name, errs[i]})
		}
	}
	known.Packages = join(packages)
	return known, nil
}

// join saves the copy in the usual case of one repository.
func join(parts [][]Package) []Package {
	var all []Package
	for _, part := range parts {
		if all == nil {
			all = part
			continue
		}
		all = append(all, part...)
	}
	return all
}

// Stored is what is known of a repository's stored index without reading it.
type Stored struct {
	Packages int
	Time     time.Time // what its signature says; zero when unsigned
	Updated  time.Time // when the repository last answered
}

// Describe says what is stored of a repository. The error says why what is
// stored, or that nothing is, cannot be used.
func Describe(root string, r Repository) (Stored, error) {
	s, err := storedSource(root, r.Name)
	if err != nil {
		return Stored{}, err
	}
	if s.url == "" {
		return Stored{}, notFetched(r.Name)
	}
	return Stored{s.packages, s.time, s.updated}, applies(r, s.url, s.key)
}
