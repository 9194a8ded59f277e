package system

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"moss/store"
	"moss/store/activate"
	"moss/store/repo"
	"moss/store/state"
	"moss/store/stone"
)

// Listed is a package as lists show it; the JSON keys are stable.
type Listed struct {
	Name         string `json:"name"`
	Version      string `json:"version"`
	Release      uint64 `json:"release"`
	BuildRelease uint64 `json:"build_release"`
	Architecture string `json:"architecture"`
	Summary      string `json:"summary"`
	Repository   string `json:"repository"` // "" for one that came as a file
	Installed    string `json:"installed"`  // the build that is live, "" if none is
	Explicit     bool   `json:"explicit"`
	ID           string `json:"id"`
}

// Build is a version as two builds of it differ: version, release, build.
func Build(m *stone.Meta) string {
	return fmt.Sprintf("%s-%d-%d", m.Version, m.Release, m.BuildRelease)
}

// Build is the package's own.
func (l Listed) Build() string {
	return fmt.Sprintf("%s-%d-%d", l.Version, l.Release, l.BuildRelease)
}

func listed(id string, m *stone.Meta, repository string) Listed {
	return Listed{Name: m.Name, Version: m.Version, Release: m.Release, BuildRelease: m.BuildRelease, Architecture: m.Arch,
		Summary: m.Summary, Repository: repository, ID: id}
}

// UnknownError is a question about something that is not there.
type UnknownError struct{ What, Advice string }

func (e *UnknownError) Error() string { return e.What }

// Hint says where to look.
func (e *UnknownError) Hint() string { return e.Advice }

// live opens the store for questions about the live state. It takes no lock.
// The caller closes the store.
func live(root string) (*store.Store, state.ID, error) {
	s, err := store.View(root)
	if err != nil {
		return nil, 0, err
	}
	id, err := s.Active()
	if err != nil {
		return nil, 0, errors.Join(err, s.Close())
	}
	return s, id, nil
}

// installed is the live selection; a root in which nothing is installed yet
// has an empty one.
func installed(root string) (store.Choice, error) {
	var none *store.NoStoreError
	s, id, err := live(root)
	if errors.As(err, &none) || errors.Is(err, activate.ErrUnsealed) {
		return store.Choice{}, nil
	}
	if err != nil {
		return store.Choice{}, err
	}
	chosen, err := s.Selected(id)
	return chosen, errors.Join(err, s.Close())
}

// InstalledPackages lists the packages of the live state by name.
func InstalledPackages(root string) ([]Listed, error) {
	s, id, err := live(root)
	if err != nil {
		return nil, err
	}
	chosen, err := s.Selected(id)
	all := make([]Listed, 0, len(chosen.Packages))
	for i := range chosen.Packages {
		all = append(all, listedChosen(&chosen.Packages[i]))
	}
	sortListed(all)
	return all, errors.Join(err, s.Close())
}

func listedChosen(p *store.Chosen) Listed {
	one := listed(p.ID, &p.Meta, p.Repo)
	one.Installed, one.Explicit = one.Build(), p.Explicit
	return one
}

func sortListed(all []Listed) {
	slices.SortFunc(all, func(a, b Listed) int { return cmp.Compare(a.Name, b.Name) })
}

// offered lists what the enabled repositories have as they were last fetched,
// and tells of those that cannot be used.
func offered(opt Options) ([]repo.Package, error) {
	known, err := repo.Load(opt.Root)
	for _, r := range known.Unavailable {
		opt.Log(fmt.Sprintf("warning: repository %s is left out: %v", r.Repo, r.Err))
	}
	return known.Packages, err
}

// AvailablePackages lists, by name, the best candidate of each package that the
// enabled repositories have. No index is fetched.
func AvailablePackages(opt Options) ([]Listed, error) {
	chosen, err := installed(opt.Root)
	if err != nil {
		return nil, err
	}
	offered, err := offered(opt)
	if err != nil {
		return nil, err
	}
	all := bestListed(offered, builds(chosen))
	sortListed(all)
	return all, nil
}

// builds maps the name of each installed package to its entry.
func builds(c store.Choice) map[string]*store.Chosen {
	all := make(map[string]*store.Chosen, len(c.Packages))
	for i := range c.Packages {
		all[c.Packages[i].Meta.Name] = &c.Packages[i]
	}
	return all
}

func bestListed(offered []repo.Package, live map[string]*store.Chosen) []Listed {
	best := best(offered)
	all := make([]Listed, 0, len(best))
	for _, p := range best {
		one := listed(p.ID, &p.Meta, p.Repo)
		if have, ok := live[one.Name]; ok {
			one.Installed, one.Explicit = Build(&have.Meta), have.Explicit
		}
		all = append(all, one)
	}
	return all
}

// best picks one candidate a name: of the highest priority, then the newest.
func best(offered []repo.Package) map[string]*repo.Package {
	best := make(map[string]*repo.Package, len(offered))
	for i := range offered {
		p := &offered[i]
		if have, ok := best[p.Meta.Name]; !ok || better(p, have) {
			best[p.Meta.Name] = p
		}
	}
	return best
}

func better(a, b *repo.Package) bool {
	return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.Meta.Release, b.Meta.Release),
		cmp.Compare(a.Meta.BuildRelease, b.Meta.BuildRelease), strings.Compare(b.Repo, a.Repo), strings.Compare(b.ID, a.ID)) > 0
}
