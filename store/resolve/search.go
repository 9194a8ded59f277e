package resolve

import (
	"slices"

	"moss/store/stone"
)

// work bounds a search: about two seconds of it. What needs more is a puzzle,
// not a package selection.
const work = 40_000_000

// search is one attempt at a problem.
type search struct {
	*universe
	force bool
	early []*need // files, what stays, without an upgrade all that is there; then the request
	late  []*need // in an upgrade: what is there but nothing chosen needs
	at    cursor
	marks []cursor // by level: where the cursor was at its decision
}

// cursor says how far the decisions are: everything before it is met.
type cursor struct{ early, chosen, need, late, mend int }

func newSearch(x *index, p Problem, force bool) *search {
	s := &search{universe: newUniverse(x, p), force: force}
	s.budget = work
	s.expand, s.decide, s.undo = s.rules, s.next, s.rewind
	s.demandFiles()
	s.keep()
	s.demandInstalls()
	return s
}

func (s *search) demand(n *need) {
	s.early = append(s.early, n)
	if n.wish || s.failed != nil {
		return
	}
	s.failed = s.add(n.rule())
}

func (s *search) demandFiles() {
	names := []string{}
	for name := range s.given {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		s.demand(&need{demand: byFile, what: stone.Provider{Name: name}, list: s.group(name).list})
	}
}

// demandInstalls takes names first: what provides a capability that is also
// asked for may be among them.
func (s *search) demandInstalls() {
	for _, named := range []bool{true, false} {
		for _, what := range sorted(s.request.Install) {
			if (what.Kind == stone.KindName) == named {
				s.demand(&need{demand: byInstall, what: what, list: s.preferred(what, s.named(what))})
			}
		}
	}
}

// named is who can be meant by what: for a name that packages have, these.
func (s *search) named(what stone.Provider) []int32 {
	if what.Kind == stone.KindName {
		if g := s.group(what.Name); len(g.list)+len(g.ruledOut) > 0 {
			return g.list
		}
	}
	return s.providers(what)
}

// keep demands that what was asked for stays, and wishes that the rest does.
func (s *search) keep() {
	roots := rootsOf(s.request.Installed)
	left := slices.DeleteFunc(slices.Clone(s.request.Installed), func(p Package) bool { return s.removed[p.Meta.Name] || s.given[p.Meta.Name] })
	slices.SortFunc(left, byExplicitName)
	for _, p := range left {
		if roots[p.ID] {
			g, what := s.group(p.Meta.Name), nameOf(&p)
			s.demand(&need{demand: byKeeping, what: what, list: s.preferred(what, g.list)})
		}
	}
	needed := reach(slices.Concat(left, s.request.Files), func(p Package) bool { return roots[p.ID] || s.given[p.Meta.Name] })
	for _, p := range left {
		if !roots[p.ID] && needed[p.ID] {
			s.wish(s.group(p.Meta.Name))
		}
	}
}

// wish asks to keep a name as it is. In an upgrade that comes last: what the
// new builds need no longer should not get in their way.
func (s *search) wish(g *group) {
	n := &need{demand: byKeeping, what: stone.Provider{Name: g.name}, list: s.keepers(g), wish: true}
	if s.request.Upgrade {
		s.late = append(s.late, n)
		return
	}
	s.demand(n)
}

// keepers are the builds of a name that are worth keeping for their own sake.
func (s *search) keepers(g *group) []int32 {
	if s.request.Upgrade && !slices.Contains(g.installed, g.target) {
		return append([]int32{g.target}, g.installed...)
	}
	return g.installed
}

// next is the next decision. What is installed comes before the choice of
// something new for the request: a new package is picked to go with the old
// ones, not the other way round (that the request is granted is a rule in any
// case). Then comes what the chosen ones need, in the order they were chosen.
func (s *search) next() (lit, bool) {
	for ; s.at.early < len(s.early); s.at.early++ {
		if v, ok := s.pick(s.early[s.at.early]); ok {
			return s.choose(v), true
		}
	}
	if v, ok := s.nextNeed(); ok {
		return s.choose(v), true
	}
	for ; s.at.late < len(s.late); s.at.late++ {
		if v, ok := s.pick(s.late[s.at.late]); ok {
			return s.choose(v), true
		}
	}
	if v, ok := s.nextMend(); ok {
		return s.choose(v), true
	}
	return 0, false
}

// stuck is the number of conflicts after which the order in which things were
// chosen is left for the need that has the fewest candidates, among the next
// window of unmet ones. That decides puzzles sooner, and which need comes first
// prefers no package to another.
const (
	stuck  = 300
	window = 64
)

func (s *search) nextNeed() (int32, bool) {
	for ; s.at.chosen < len(s.trail); s.at.chosen, s.at.need = s.at.chosen+1, 0 {
		l := s.trail[s.at.chosen]
		if !l.chosen() {
			continue
		}
		for needs := s.list[l.of()].needs; s.at.need < len(needs); s.at.need++ {
			if needs[s.at.need].mend {
				continue
			}
			if v, ok := s.pick(needs[s.at.need]); ok && s.conflicts > stuck {
				return s.tightest(v), true
			} else if ok {
				return v, true
			}
		}
	}
	return 0, false
}

// tightest is the need with the fewest candidates among those from the cursor
// on, given the candidate of the first.
func (s *search) tightest(best int32) int32 {
	least, unmet := 0, 0
	for i := s.at.chosen; i < len(s.trail) && unmet < window; i++ {
		if l := s.trail[i]; l.chosen() {
			for _, n := range s.list[l.of()].needs {
				if v, ok := s.pick(n); ok && !n.mend {
					if open := s.open(n); unmet == 0 || open < least {
						best, least = v, open
					}
					unmet++
				}
			}
		}
	}
	return best
}

// open is how many candidates a need has left.
func (s *search) open(n *need) int {
	open := 0
	for _, v := range n.list {
		if s.value[v] == 0 {
			open++
		}
	}
	s.steps += len(n.list)
	return open
}

func (s *search) nextMend() (int32, bool) {
	for ; s.request.Upgrade && s.at.mend < len(s.trail); s.at.mend++ {
		l := s.trail[s.at.mend]
		if !l.chosen() {
			continue
		}
		for _, n := range s.list[l.of()].needs {
			if !n.mend {
				continue
			}
			if v, ok := s.pick(n); ok {
				return v, true
			}
		}
	}
	return 0, false
}

func (s *search) choose(v int32) lit {
	s.marks = append(s.marks, s.at)
	return yes(v)
}

func (s *search) rewind(level int) {
	s.at, s.marks = s.marks[level], s.marks[:level]
}

// pick is the candidate to choose for a need, if it takes one and has one left.
func (s *search) pick(n *need) (int32, bool) {
	s.steps++
	best := int32(-1)
	for _, v := range n.list {
		switch {
		case s.value[v] > 0:
			return 0, false
		case s.value[v] == 0 && best < 0:
			best = v
		}
	}
	return best, best >= 0
}
