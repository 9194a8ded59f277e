package resolve

import (
	"cmp"
	"fmt"
)

// better orders packages, the best first. It is a total order over different
// packages, so no choice depends on the order of the input.
func better(a, b *Package) int {
	return cmp.Or(
		cmp.Compare(b.Priority, a.Priority),
		cmp.Compare(b.Meta.Release, a.Meta.Release),
		cmp.Compare(b.Meta.BuildRelease, a.Meta.BuildRelease),
		cmp.Compare(a.Repo, b.Repo),
		cmp.Compare(a.Meta.Name, b.Meta.Name),
		cmp.Compare(a.ID, b.ID),
	)
}

// older compares two builds of one name. Versions are for people; the release
// of the recipe and the build of the release are what counts up.
func older(a, b *Package) bool {
	return cmp.Or(cmp.Compare(a.Meta.Release, b.Meta.Release), cmp.Compare(a.Meta.BuildRelease, b.Meta.BuildRelease)) < 0
}

func byName(a, b Package) int {
	return cmp.Or(cmp.Compare(a.Meta.Name, b.Meta.Name), cmp.Compare(a.ID, b.ID))
}

func (p *Package) label() string { return p.Meta.Name + " " + p.build() }

func (p *Package) build() string {
	if p.Meta.BuildRelease == 0 {
		return fmt.Sprintf("%s-%d", p.Meta.Version, p.Meta.Release)
	}
	return fmt.Sprintf("%s-%d-%d", p.Meta.Version, p.Meta.Release, p.Meta.BuildRelease)
}
