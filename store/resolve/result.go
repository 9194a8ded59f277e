package resolve

import (
	"slices"

	"moss/store/stone"
)

func (s *search) run() (Solution, error) {
	end := impossible
	if s.failed == nil {
		end = s.solve()
	}
	switch end {
	case impossible:
		return Solution{}, s.explain()
	case exhausted:
		return Solution{}, s.gaveUp()
	}
	packages := s.result()
	return Solution{packages, s.notes(packages)}, nil
}

// result is what was chosen and is needed.
func (s *search) result() []Package {
	explicit, roots := s.explicit(), map[string]bool{}
	before := rootsOf(s.request.Installed)
	for _, p := range s.request.Installed {
		roots[p.Meta.Name] = roots[p.Meta.Name] || before[p.ID]
	}
	var all []Package
	for _, l := range s.trail {
		if l.chosen() {
			p := *s.list[l.of()].Package
			p.Explicit = explicit[p.Meta.Name]
			all = append(all, p)
		}
	}
	needed := reach(all, func(p Package) bool { return p.Explicit || roots[p.Meta.Name] })
	all = slices.DeleteFunc(all, func(p Package) bool { return !needed[p.ID] })
	slices.SortFunc(all, byName)
	return all
}

// explicit is the names that were asked for, now or earlier.
func (s *search) explicit() map[string]bool {
	names := map[string]bool{}
	for _, p := range s.request.Installed {
		names[p.Meta.Name] = names[p.Meta.Name] || p.Explicit
	}
	for name := range s.given {
		names[name] = true
	}
	for _, n := range s.early {
		if n.demand != byInstall {
			continue
		}
		chosen := slices.DeleteFunc(slices.Clone(n.list), func(v int32) bool { return s.value[v] <= 0 })
		if !slices.ContainsFunc(chosen, func(v int32) bool { return names[s.list[v].Meta.Name] }) {
			names[s.list[chosen[0]].Meta.Name] = true
		}
	}
	return names
}

// withoutRemoved grants a request that only removes. It looks at nothing but
// what is installed, so it works without repositories and among dependencies
// that are broken already.
func (p Problem) withoutRemoved() (Solution, error) {
	kept := slices.DeleteFunc(slices.Clone(p.Installed), func(q Package) bool { return slices.Contains(p.Remove, q.Meta.Name) })
	if len(p.Remove) > 0 {
		roots := rootsOf(p.Installed)
		needed := reach(kept, func(q Package) bool { return roots[q.ID] })
		kept = slices.DeleteFunc(kept, func(q Package) bool { return !needed[q.ID] })
	}
	slices.SortFunc(kept, byName)
	lost, missed := p.missing(kept)
	if len(lost) > 0 && !p.Force {
		return Solution{}, p.refuseRemoval(lost)
	}
	return Solution{kept, append(forcedNotes(lost), missedNotes(missed)...)}, nil
}

// gap is a dependency that nothing in a selection meets.
type gap struct {
	Package
	what stone.Provider
}

// missing are the gaps of a selection: those that are new, and those that the
// installed packages had.
func (p Problem) missing(kept []Package) (lost, missed []gap) {
	had, has := providersOf(p.Installed), providersOf(kept)
	same := map[string]bool{}
	for _, q := range p.Installed {
		same[q.ID] = true
	}
	for _, q := range kept {
		for _, what := range q.Meta.Depends {
			switch {
			case len(has[what]) > 0:
			case same[q.ID] && len(had[what]) == 0:
				missed = append(missed, gap{q, what})
			default:
				lost = append(lost, gap{q, what})
			}
		}
	}
	return lost, missed
}
