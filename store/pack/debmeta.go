package pack

import (
	"cmp"
	"slices"

	"moss/store/deb"
	"moss/store/stone"
)

// debMeta is the metadata of a Debian package. together is what the packages of
// the same call are and provide.
func debMeta(c deb.Control, together map[string]bool, opt Options) stone.Meta {
	m := stone.Meta{
		Name: c.Package, BuildRelease: 1, Arch: arch(c.Architecture, opt.Arch),
		Summary: cmp.Or(c.Summary, c.Package), Description: cmp.Or(c.Description, c.Summary, c.Package),
		SourceID: c.Source, Homepage: c.Homepage, Licenses: opt.Licenses,
	}
	m.Version, m.Release = release(c.Version)
	for _, clause := range c.Depends {
		if !slices.ContainsFunc(clause, func(name string) bool { return slices.Contains(opt.WithoutDeps, name) }) {
			m.Depends = addName(m.Depends, choose(clause, together))
		}
	}
	for _, name := range c.Provides {
		if name != c.Package { // every package provides its own name
			m.Provides = addName(m.Provides, name)
		}
	}
	for _, name := range c.Conflicts {
		m.Conflicts = addName(m.Conflicts, name)
	}
	return m
}

// choose takes the first alternative that is being packed too, so that a set of
// packages closes over itself; else the one the maintainer prefers.
func choose(clause deb.Clause, together map[string]bool) string {
	for _, name := range clause {
		if together[name] {
			return name
		}
	}
	return clause[0]
}

func addName(list []stone.Provider, name string) []stone.Provider {
	p := stone.Provider{Kind: stone.KindName, Name: name}
	if slices.Contains(list, p) {
		return list
	}
	return append(list, p)
}
