package resolve

import (
	"fmt"
	"slices"
)

func forcedNotes(lost []gap) []string {
	var notes []string
	for _, g := range lost {
		notes = append(notes, fmt.Sprintf("forced: %s needs %v, which nothing has", g.Meta.Name, g.what))
	}
	return notes
}

// missedNotes says in one line what was broken before.
func missedNotes(missed []gap) []string {
	if len(missed) == 0 {
		return nil
	}
	var list []string
	for _, g := range missed {
		list = append(list, fmt.Sprintf("%s needs %v", g.Meta.Name, g.what))
	}
	return []string{"missing before and still: " + shorten(list, 5)}
}

// notes compares a result with what the user may have expected.
func (s *search) notes(result []Package) []string {
	lost, missed := s.request.missing(result)
	notes := append(forcedNotes(lost), missedNotes(missed)...)
	chosen := map[string]Package{}
	for _, p := range result {
		chosen[p.Meta.Name] = p
	}
	var gone, nowhere []string
	for _, p := range slices.SortedFunc(slices.Values(s.request.Installed), byName) {
		name := p.Meta.Name
		now, there := chosen[name]
		switch g := s.group(name); {
		case s.removed[name] || s.given[name]:
		case !there:
			if by := s.against(g, chosen); by != "" {
				notes = append(notes, fmt.Sprintf("%s goes: it conflicts with %s", name, by))
			} else {
				gone = append(gone, name)
			}
		case s.request.Upgrade && !g.offered:
			nowhere = append(nowhere, name)
		case s.request.Upgrade:
			notes = append(notes, s.behind(g, now)...)
		}
	}
	if len(gone) > 0 {
		notes = append(notes, "no longer needed: "+shorten(gone, 10))
	}
	if len(nowhere) > 0 {
		notes = append(notes, "in no repository, kept as installed: "+shorten(nowhere, 10))
	}
	return notes
}

// against is the chosen package that excludes the installed build of a name.
func (s *search) against(g *group, chosen map[string]Package) string {
	for _, v := range g.installed {
		for _, p := range s.chosen() {
			if _, there := chosen[s.list[p].Meta.Name]; there && s.exclusive(v, p) {
				return s.list[p].label()
			}
		}
	}
	return ""
}

// chosen is the candidates of the solution, in the order they were chosen.
func (s *search) chosen() []int32 {
	var all []int32
	for _, l := range s.trail {
		if l.chosen() {
			all = append(all, l.of())
		}
	}
	return all
}

func (s *search) exclusive(a, b int32) bool {
	excludes := func(p, q *candidate) bool {
		for _, c := range p.Meta.Conflicts {
			if q.has(c) {
				return true
			}
		}
		return false
	}
	p, q := s.list[a], s.list[b]
	return a != b && p.in != q.in && (excludes(p, q) || excludes(q, p))
}

// behind says why an upgrade did not reach the best build of a name.
func (s *search) behind(g *group, now Package) []string {
	var best *Package
	for _, r := range g.ruledOut {
		if best == nil || better(r.Package, best) < 0 {
			best = r.Package
		}
	}
	target := s.list[g.target]
	switch {
	case target.ID != now.ID:
		return []string{fmt.Sprintf("%s stays at %s: %s", g.name, now.build(), s.obstacle(g, now))}
	case best != nil && target.installed && (target.Repo == "" || better(best, target.Package) < 0) && !s.request.Downgrade:
		return []string{fmt.Sprintf("%s stays at %s: repository %s has only the older %s", g.name, now.build(), best.Repo, best.build())}
	}
	return nil
}

// obstacle is what keeps the target of an upgrade out of the solution.
func (s *search) obstacle(g *group, now Package) string {
	target := s.list[g.target]
	for _, what := range target.Meta.Depends {
		have := func(v int32) bool { return s.value[v] > 0 }
		if !target.has(what) && !slices.ContainsFunc(s.providers(what), have) {
			return fmt.Sprintf("%s needs %v, which cannot be had", target.label(), what)
		}
	}
	for _, v := range s.chosen() {
		if s.exclusive(g.target, v) {
			return fmt.Sprintf("%s conflicts with %s", target.label(), s.list[v].label())
		}
	}
	for _, v := range s.chosen() {
		for _, n := range s.list[v].needs {
			if now.has(n.what) && !target.has(n.what) {
				return fmt.Sprintf("%s needs %v, which %s no longer has", s.list[v].label(), n.what, target.label())
			}
		}
	}
	return "other packages do not go with " + target.label()
}
