package resolve

import (
	"cmp"
	"slices"

	"moss/store/stone"
)

// Who wants a need met.
type demand int

const (
	byPackage demand = iota
	byInstall        // the request asks for it
	byFile           // a file that was given
	byKeeping        // what was asked for earlier stays
)

// need is a demand that one of some candidates meets.
type need struct {
	demand demand
	from   int32 // the package, for byPackage
	what   stone.Provider
	list   []int32 // in the order of preference
	wish   bool    // no rule: it may stay unmet
	mend   bool    // it was unmet before; an upgrade tries, last of all
}

// cause is where a rule comes from: a need, or two candidates that exclude
// each other.
type cause struct {
	need *need
	pair *pair
}

// pair says that a excludes b, by its conflict with what, or because both have
// one name (what is empty then).
type pair struct {
	a, b int32
	what stone.Provider
}

// rules are what matters once v is chosen.
func (s *search) rules(v int32) []*clause {
	p := s.list[v]
	var all []*clause
	for _, other := range p.in.list {
		if other != v {
			all = s.exclude(all, pair{a: v, b: other})
		}
	}
	for _, against := range p.Meta.Conflicts {
		for _, other := range s.providers(against) {
			if s.list[other].in != p.in {
				all = s.exclude(all, pair{v, other, against})
			}
		}
	}
	for _, what := range p.Meta.Depends {
		n := s.need(v, what)
		if n == nil {
			continue
		}
		p.needs = append(p.needs, n)
		if !n.wish {
			all = append(all, n.rule())
		}
	}
	return all
}

// exclude makes the rule of a pair, except for one that is installed already.
func (s *search) exclude(all []*clause, p pair) []*clause {
	if s.list[p.a].installed && s.list[p.b].installed {
		return all
	}
	return append(all, &clause{lits: []lit{no(p.a), no(p.b)}, why: cause{pair: &p}})
}

// need is nil for what the package has itself.
func (s *search) need(v int32, what stone.Provider) *need {
	p := s.list[v]
	if p.has(what) || slices.ContainsFunc(p.needs, func(n *need) bool { return n.what == what }) {
		return nil
	}
	mend := p.installed && !s.before[what]
	return &need{from: v, what: what, list: s.preferred(what, s.providers(what)), wish: mend || s.force, mend: mend}
}

func (n *need) rule() *clause {
	c := &clause{why: cause{need: n}}
	if n.demand == byPackage {
		c.lits = append(c.lits, no(n.from))
	}
	for _, v := range n.list {
		c.lits = append(c.lits, yes(v))
	}
	return c
}

// preferred orders candidates for a need: what is installed (or what an upgrade
// makes of it), another build of an installed name, then strangers: the one of
// that very name, then by priority, release and name. Those that are chosen
// already come before all of these, see pick.
func (s *search) preferred(what stone.Provider, list []int32) []int32 {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b int32) int {
		return cmp.Compare(s.class(what, a), s.class(what, b))
	})
	return list
}

func (s *search) class(what stone.Provider, v int32) int {
	p := s.list[v]
	had := len(p.in.installed) > 0
	switch {
	case had && v == s.wanted(p.in):
		return 0
	case p.installed:
		return 1
	case had:
		return 2
	case what.Kind == stone.KindName && what.Name == p.Meta.Name:
		return 3
	}
	return 4
}

// wanted is the build that an installed name should have: its own, or in an
// upgrade the target.
func (s *search) wanted(g *group) int32 {
	if s.request.Upgrade || len(g.installed) == 0 {
		return g.target
	}
	return g.installed[0]
}
