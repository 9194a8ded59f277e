package resolve

import (
	"slices"

	"moss/store/stone"
)

// candidate is a package that may be in the solution: a variable of the search.
type candidate struct {
	*Package
	in        *group
	installed bool
	needs     []*need // known once it was chosen
}

// group is the packages of one name: at most one is in the solution.
type group struct {
	name      string
	list      []int32 // who may be chosen, the best first
	installed []int32 // one; more only in a selection that was broken before
	target    int32   // what an upgrade goes for, -1 for nothing
	held      *Package
	offered   bool // a repository has the name
	ruledOut  []ruledOut
}

// ruledOut is a package that exists but must not be chosen, and why.
type ruledOut struct {
	*Package
	why string
}

// universe makes candidates of packages as the search comes upon them.
type universe struct {
	*sat
	index   *index
	request Problem
	removed map[string]bool
	given   map[string]bool // names of files
	list    []*candidate    // by variable
	groups  map[string]*group
	having  map[stone.Provider][]int32
	before  map[stone.Provider]bool // what the installed packages provided
}

func newUniverse(x *index, p Problem) *universe {
	u := &universe{
		sat: &sat{}, index: x, request: p, removed: map[string]bool{}, given: map[string]bool{},
		groups: map[string]*group{}, having: map[stone.Provider][]int32{}, before: map[stone.Provider]bool{},
	}
	for _, name := range p.Remove {
		u.removed[name] = true
	}
	for _, f := range p.Files {
		u.given[f.Meta.Name] = true
	}
	for i := range p.Installed {
		u.before[nameOf(&p.Installed[i])] = true
		for _, c := range p.Installed[i].Meta.Provides {
			u.before[c] = true
		}
	}
	return u
}

// providers are the candidates that have c, the best first.
func (u *universe) providers(c stone.Provider) []int32 {
	if known, ok := u.having[c]; ok {
		return known
	}
	var all []int32
	seen := map[string]bool{}
	for _, i := range u.index.owners(c) {
		p := u.index.pool[i]
		if !p.has(c) || seen[p.Meta.Name] {
			continue
		}
		seen[p.Meta.Name] = true
		for _, v := range u.group(p.Meta.Name).list {
			if u.list[v].has(c) {
				all = append(all, v)
			}
		}
	}
	slices.SortFunc(all, func(a, b int32) int { return better(u.list[a].Package, u.list[b].Package) })
	u.having[c] = all
	return all
}

// group collects the packages of a name.
func (u *universe) group(name string) *group {
	if g, ok := u.groups[name]; ok {
		return g
	}
	g := &group{name: name, target: -1}
	u.groups[name] = g
	var given, installed, offered []*Package
	for _, i := range slices.Compact(slices.Clone(u.index.owners(stone.Provider{Kind: stone.KindName, Name: name}))) {
		switch p := u.index.pool[i]; {
		case p.Meta.Name != name:
		case int(i) < u.index.files:
			given = append(given, p)
		case int(i) < u.index.have:
			installed = append(installed, p)
		default:
			offered = append(offered, p)
		}
	}
	for _, list := range [][]*Package{given, installed, offered} {
		slices.SortFunc(list, better)
	}
	u.admit(g, given, installed, offered)
	slices.SortFunc(g.list, func(a, b int32) int { return better(u.list[a].Package, u.list[b].Package) })
	return g
}

// admit decides which packages of the name may be chosen.
func (u *universe) admit(g *group, given, installed, offered []*Package) {
	g.offered = len(offered) > 0
	if u.given[g.name] {
		g.ruleOut("a file replaces it", installed, offered)
		v := u.candidate(g, given[0], contains(installed, given[0]))
		g.target = v
		return
	}
	if u.removed[g.name] {
		g.ruleOut("it is to be removed", installed, offered)
		return
	}
	for _, p := range installed {
		g.installed = append(g.installed, u.candidate(g, p, true))
	}
	u.admitOffered(g, installed, offered)
}

// admitOffered takes what repositories have, except what is older than the
// installed build: going back happens on request, and only from a build that
// cannot be had any more.
func (u *universe) admitOffered(g *group, installed, offered []*Package) {
	seen := map[string]int32{}
	for _, v := range g.installed {
		seen[u.list[v].ID] = v
		g.target = v
	}
	if len(installed) > 0 {
		g.held = installed[0]
	}
	back := u.request.Downgrade && g.held != nil && !contains(offered, g.held)
	for i, p := range offered {
		v, known := seen[p.ID]
		switch {
		case known:
		case g.held != nil && older(p, g.held) && !back:
			g.ruleOut("it is older than the installed build", []*Package{p})
			continue
		default:
			v = u.candidate(g, p, false)
			seen[p.ID] = v
		}
		if i == 0 {
			g.target = v
		}
	}
}

func (g *group) ruleOut(why string, lists ...[]*Package) {
	for _, list := range lists {
		for _, p := range list {
			g.ruledOut = append(g.ruledOut, ruledOut{p, why})
		}
	}
}

func (u *universe) candidate(g *group, p *Package, installed bool) int32 {
	v := u.variable()
	u.list = append(u.list, &candidate{Package: p, in: g, installed: installed})
	g.list = append(g.list, v)
	return v
}

func contains(list []*Package, p *Package) bool {
	return slices.ContainsFunc(list, func(q *Package) bool { return q.ID == p.ID })
}
