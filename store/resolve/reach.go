package resolve

import (
	"cmp"
	"slices"

	"moss/store/stone"
)

// reach is the packages of a selection that the roots need, however far, the
// roots included. Where several provide what is needed all of them count: which
// one a user meant to use is not known.
func reach(all []Package, root func(Package) bool) map[string]bool {
	has := providersOf(all)
	var queue []Package
	for _, p := range all {
		if root(p) {
			queue = append(queue, p)
		}
	}
	seen := map[string]bool{}
	for len(queue) > 0 {
		p := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		if seen[p.ID] {
			continue
		}
		seen[p.ID] = true
		for _, what := range p.Meta.Depends {
			for _, i := range has[what] {
				queue = append(queue, all[i])
			}
		}
	}
	return seen
}

// providersOf maps each capability to the packages of a selection that have it.
func providersOf(all []Package) map[stone.Provider][]int {
	has := make(map[stone.Provider][]int, 8*len(all))
	for i := range all {
		own := nameOf(&all[i])
		has[own] = append(has[own], i)
		for _, what := range all[i].Meta.Provides {
			if what != own {
				has[what] = append(has[what], i)
			}
		}
	}
	return has
}

// rootsOf is what stays for its own sake: what was asked for, and what nothing
// that was asked for needs. Why the latter is there is not known, so it is not
// the business of a change either.
func rootsOf(installed []Package) map[string]bool {
	needed := reach(installed, func(p Package) bool { return p.Explicit })
	roots := map[string]bool{}
	for _, p := range installed {
		if p.Explicit || !needed[p.ID] {
			roots[p.ID] = true
		}
	}
	return roots
}

func byExplicitName(a, b Package) int {
	if a.Explicit != b.Explicit {
		if a.Explicit {
			return -1
		}
		return 1
	}
	return byName(a, b)
}

// sorted is the list without repetitions, in an order of its own.
func sorted(list []stone.Provider) []stone.Provider {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b stone.Provider) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return slices.Compact(list)
}
