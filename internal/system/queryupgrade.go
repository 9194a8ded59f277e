package system

import (
	"cmp"
	"strings"

	"slices"

	"moss/store/resolve"
	"moss/store/stone"
)

// Upgrade is what sync would do to a package; the JSON keys are stable.
type Upgrade struct {
	Name       string `json:"name"`
	Change     string `json:"change"`     // upgrade, downgrade, rebuild, add or remove
	From       string `json:"from"`       // build, "" when it is new
	To         string `json:"to"`         // build, "" when it goes
	Repository string `json:"repository"` // of the new build
	Summary    string `json:"summary"`
	Download   int64  `json:"download"` // bytes of the stone
}

// Upgrades says, by name, what sync would change with the indexes as they are.
// It takes no lock and fetches nothing. The notes are for people.
func Upgrades(opt Options) (all []Upgrade, notes []string, err error) {
	chosen, err := installed(opt.Root)
	if err != nil {
		return nil, nil, err
	}
	offered, err := offered(opt)
	if err != nil {
		return nil, nil, err
	}
	problem := resolve.Problem{Available: candidates(offered, nil), Request: resolve.Request{Upgrade: true}}
	for i := range chosen.Packages {
		p := &chosen.Packages[i]
		problem.Installed = append(problem.Installed, resolve.Package{ID: p.ID, Meta: &p.Meta, Repo: p.Repo, Explicit: p.Explicit})
	}
	solution, err := resolve.Solve(problem)
	if err != nil {
		return nil, nil, err
	}
	sizes := make(map[string]int64, len(offered))
	for i := range offered {
		sizes[offered[i].ID] = offered[i].Size
	}
	return upgrades(problem.Installed, solution.Packages, sizes), solution.Notes, nil
}

func upgrades(before, after []resolve.Package, sizes map[string]int64) []Upgrade {
	old := map[string]resolve.Package{}
	for _, p := range before {
		old[p.Meta.Name] = p
	}
	all := []Upgrade{}
	for _, p := range after {
		had, known := old[p.Meta.Name]
		delete(old, p.Meta.Name)
		if known && had.ID == p.ID {
			continue
		}
		u := Upgrade{Name: p.Meta.Name, Change: "add", To: Build(p.Meta), Repository: p.Repo, Summary: p.Meta.Summary, Download: sizes[p.ID]}
		if known {
			u.From, u.Change = Build(had.Meta), direction(had.Meta, p.Meta)
		}
		all = append(all, u)
	}
	for name, p := range old {
		all = append(all, Upgrade{Name: name, Change: "remove", From: Build(p.Meta), Summary: p.Meta.Summary})
	}
	slices.SortFunc(all, func(a, b Upgrade) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// direction compares as AerynOS does: the release says what is newer, versions
// are for people.
func direction(from, to *stone.Meta) string {
	switch order := cmp.Or(cmp.Compare(to.Release, from.Release), cmp.Compare(to.BuildRelease, from.BuildRelease)); {
	case order > 0:
		return "upgrade"
	case order < 0:
		return "downgrade"
	}
	return "rebuild"
}
