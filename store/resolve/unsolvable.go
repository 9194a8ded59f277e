package resolve

import (
	"fmt"
	"slices"
	"strings"

	"moss/store/stone"
)

// Unsolvable says why a request is refused. Nothing was changed.
type Unsolvable struct {
	GaveUp bool // no answer was found within the limit, which proves nothing

	what   string
	lines  []string
	advice string
}

// Error is one line: the request, and the first reason against it.
func (e *Unsolvable) Error() string { return e.what }

// Lines say who needs what, from the request down, and why each alternative
// fails: at most twelve. There are none when Error says it all.
func (e *Unsolvable) Lines() []string { return e.lines }

// Hint says what to do next.
func (e *Unsolvable) Hint() string { return e.advice }

// most is how many lines an explanation has.
const most = 12

func (e *Unsolvable) add(depth int, format string, args ...any) {
	e.lines = append(e.lines, strings.Repeat("  ", min(depth, 8))+fmt.Sprintf(format, args...))
}

// cut shortens the explanation to what a person reads: its beginning, and when
// the first reason comes later than that, the lines that lead to it.
func (e *Unsolvable) cut(reason int) {
	over := len(e.lines) - most + 1
	if over < 2 {
		return
	}
	head, tail := most-1, 0
	if reason >= head {
		head, tail = head-4, 4
	}
	gap := fmt.Sprintf("... %d lines are left out ...", over)
	e.lines = slices.Concat(e.lines[:head], []string{gap}, e.lines[reason+1-tail : reason+1][:tail])
}

// check finds what is wrong with a request without a search.
func (p Problem) check() error {
	for _, name := range sortedNames(p.Remove) {
		if !slices.ContainsFunc(p.Installed, func(q Package) bool { return q.Meta.Name == name }) {
			return p.unknownRemoval(name)
		}
		if slices.Contains(p.Install, stone.Provider{Kind: stone.KindName, Name: name}) {
			return &Unsolvable{what: fmt.Sprintf("%s is to be installed and removed at once", name), advice: "ask for one of the two"}
		}
	}
	given := map[string]string{}
	for _, f := range p.Files {
		if id, again := given[f.Meta.Name]; again && id != f.ID {
			return &Unsolvable{what: fmt.Sprintf("install %s: two different files of that name were given", f.Meta.Name), advice: "give one of the two"}
		}
		given[f.Meta.Name] = f.ID
	}
	return nil
}

func (p Problem) unknownRemoval(name string) error {
	e := &Unsolvable{what: fmt.Sprintf("remove %s: it is not installed", name), advice: "see what is: moss list installed"}
	var pool []*Package
	for i := range p.Installed {
		pool = append(pool, &p.Installed[i])
	}
	if near := nearest(pool, stone.Provider{Name: name}); len(near) > 0 {
		e.advice = "did you mean " + strings.Join(near, " or ") + "?"
	}
	return e
}

// refuseRemoval names who needs what would go, and why those are there.
func (p Problem) refuseRemoval(lost []gap) error {
	var who []string
	for _, g := range lost {
		who = append(who, fmt.Sprintf("%s needs %v", g.Meta.Name, g.what))
	}
	e := &Unsolvable{
		what:   fmt.Sprintf("remove %s: %s", shorten(sortedNames(p.Remove), 5), shorten(who, 5)),
		advice: "remove what needs it too, or use --force if you know better",
	}
	chains := p.dependents()
	for _, g := range lost {
		e.add(0, "%s needs %v%s", g.label(), g.what, chains.because(g.Meta.Name))
	}
	for _, other := range p.others(lost) {
		e.add(0, "%s", other)
	}
	e.cut(0)
	return e
}

// others are packages on offer that could take the place of what is removed.
func (p Problem) others(lost []gap) []string {
	var lines []string
	for _, g := range lost {
		var best *Package
		for i := range p.Available {
			if q := &p.Available[i]; q.has(g.what) && !slices.Contains(p.Remove, q.Meta.Name) && (best == nil || better(q, best) < 0) {
				best = q
			}
		}
		if best == nil {
			continue
		}
		if line := fmt.Sprintf("%s of repository %s has %v too: install it first", best.label(), best.Repo, g.what); !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return lines
}

// chain leads from each installed package to one that was asked for, through
// those that need it.
type chain struct {
	explicit map[string]bool
	by       map[string]gap // by name: who needs it, on the shortest way
}

func (p Problem) dependents() chain {
	c := chain{map[string]bool{}, map[string]gap{}}
	has, queue := providersOf(p.Installed), []Package{}
	for _, q := range slices.SortedFunc(slices.Values(p.Installed), byName) {
		if q.Explicit {
			c.explicit[q.Meta.Name] = true
			queue = append(queue, q)
		}
	}
	for len(queue) > 0 {
		q := queue[0]
		queue = queue[1:]
		for _, what := range q.Meta.Depends {
			for _, i := range has[what] {
				name := p.Installed[i].Meta.Name
				if _, known := c.by[name]; known || c.explicit[name] {
					continue
				}
				c.by[name] = gap{q, what}
				queue = append(queue, p.Installed[i])
			}
		}
	}
	return c
}

// because is why a package is there: ", needed by git, which you asked for".
func (c chain) because(name string) string {
	var links []string
	for at := name; !c.explicit[at]; {
		by, known := c.by[at]
		if !known {
			break
		}
		at = by.Meta.Name
		links = append(links, at)
	}
	if len(links) == 0 {
		if c.explicit[name] {
			return "; it was asked for"
		}
		return ""
	}
	if len(links) > 4 {
		links = append(append(links[:2:2], "..."), links[len(links)-1])
	}
	return "; it is needed by " + strings.Join(links, ", needed by ") + ", which was asked for"
}

func sortedNames(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}

func shorten(list []string, limit int) string {
	if len(list) > limit {
		return strings.Join(list[:limit], ", ") + fmt.Sprintf(" and %d more", len(list)-limit)
	}
	return strings.Join(list, ", ")
}
