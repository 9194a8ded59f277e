package resolve

import (
	"fmt"
	"slices"
	"strings"

	"moss/store/stone"
)

// explanation tells a core as a story, from the request down.
type explanation struct {
	*search
	*Unsolvable
	needs map[int32][]*need // rules of the core, by package
	pairs map[int32][]*pair
	tops  []*need
	told  map[int32]bool

	first   string // the first thing that stands in the way
	firstAt int    // its line
}

func (s *search) explain() *Unsolvable {
	x := &explanation{search: s, Unsolvable: &Unsolvable{}, needs: map[int32][]*need{}, pairs: map[int32][]*pair{}, told: map[int32]bool{}}
	for _, c := range s.core() {
		switch n := c.why.need; {
		case n == nil:
			p := c.why.pair
			x.pairs[p.a], x.pairs[p.b] = append(x.pairs[p.a], p), append(x.pairs[p.b], p)
		case n.demand == byPackage:
			x.needs[n.from] = append(x.needs[n.from], n)
		default:
			x.tops = append(x.tops, n)
		}
	}
	x.tell()
	return x.Unsolvable
}

// tell begins with what was asked for now; what has to stay comes up as far as
// it stands in the way.
func (x *explanation) tell() {
	for _, now := range []bool{true, false} {
		for _, n := range x.early {
			if (n.demand != byKeeping) == now && slices.Contains(x.tops, n) && !x.toldAll(n) {
				x.top(n)
			}
		}
	}
	x.what = x.request.title() + ": " + x.first
	if x.advice == "" {
		x.advice = "ask for less, remove what stands in the way, or refresh the repositories: moss repo update"
	}
	if len(x.lines) == 1 && strings.HasSuffix(x.what, x.lines[0]) {
		x.lines = nil
	}
	x.cut(x.firstAt)
}

// toldAll: a package that stays and was explained where it stood in the way.
func (x *explanation) toldAll(n *need) bool {
	for _, v := range n.list {
		if !x.told[v] {
			return false
		}
	}
	return n.demand == byKeeping && len(n.list) > 0
}

func (x *explanation) top(n *need) {
	switch {
	case len(n.list) == 0:
		x.nobody(0, "", n)
		return
	case n.demand == byInstall:
		x.add(0, "you ask for %v", n.what)
	case n.demand == byFile:
		x.add(0, "you give %s as a file", x.list[n.list[0]].label())
	default:
		x.add(0, "%s has to stay", n.what)
	}
	x.alternatives(1, n)
}

func (x *explanation) alternatives(depth int, n *need) {
	for _, v := range n.list {
		x.reasons(depth, v)
	}
}

// reasons are why a candidate cannot be chosen.
func (x *explanation) reasons(depth int, v int32) {
	p := x.list[v]
	if x.told[v] {
		x.add(depth, "%s fails, see above", p.label())
		return
	}
	x.told[v] = true
	for _, n := range x.needs[v] {
		if len(n.list) == 0 {
			x.nobody(depth, p.label(), n)
			continue
		}
		x.add(depth, "%s needs %v", p.label(), n.what)
		x.alternatives(depth+1, n)
	}
	for _, pair := range x.pairs[v] {
		x.conflict(depth, v, pair)
	}
}

// conflict says that v and another exclude each other, and who wants the other.
func (x *explanation) conflict(depth int, v int32, p *pair) {
	other := p.a
	if other == v {
		other = p.b
	}
	line := fmt.Sprintf("%s conflicts with %s", x.list[v].label(), x.list[other].label())
	switch {
	case p.what.Name == "":
		line = fmt.Sprintf("%s cannot be there beside %s", x.list[v].label(), x.list[other].label())
	case p.what != nameOf(x.list[other].Package) && p.what != nameOf(x.list[v].Package):
		line += fmt.Sprintf(" (over %v)", p.what)
	}
	line += x.wantedBy(other, v)
	x.reason(depth, line)
	if x.list[other].installed && len(x.needs[other]) == 0 {
		x.told[other] = true
	}
	if x.advice == "" && x.list[other].installed {
		x.advice = fmt.Sprintf("remove one of the two: moss remove %s", x.list[other].Meta.Name)
	}
}

// wantedBy says why the other side of a conflict is there.
func (x *explanation) wantedBy(v, not int32) string {
	for _, n := range x.tops {
		if len(n.list) > 0 && n.list[0] == v {
			switch n.demand {
			case byKeeping:
				return ", which is installed and has to stay"
			case byFile:
				return ", which is given as a file"
			default:
				return ", which you ask for"
			}
		}
	}
	for from := range int32(len(x.list)) {
		for _, n := range x.needs[from] {
			for _, w := range n.list {
				if w == v && from != not {
					return fmt.Sprintf(", which %s needs", x.list[from].label())
				}
			}
		}
	}
	return ""
}

func (x *explanation) reason(depth int, line string) {
	if x.first == "" {
		x.first, x.firstAt = line, len(x.lines)
	}
	x.add(depth, "%s", line)
}

// nobody says that nothing has what is needed, what comes near, and what is
// there but may not be used.
func (x *explanation) nobody(depth int, who string, n *need) {
	line := fmt.Sprintf("no package has %v", n.what)
	if who != "" {
		line = fmt.Sprintf("%s needs %v, which no package has", who, n.what)
	}
	if r := x.forbidden(n.what); r != nil {
		line = fmt.Sprintf("only %s has %v, and %s", r.label(), n.what, r.why)
		if who != "" {
			line = fmt.Sprintf("%s needs %v, which only %s has, and %s", who, n.what, r.label(), r.why)
		}
		x.reason(depth, line)
		return
	}
	x.reason(depth, line)
	similar := nearest(x.index.pool, n.what)
	if len(similar) > 0 && who == "" && x.advice == "" {
		x.advice = "did you mean " + strings.Join(similar, " or ") + "?"
	} else if len(similar) > 0 {
		x.add(depth+1, "nearest: %s", strings.Join(similar, ", "))
	}
	if x.advice == "" && len(x.index.pool) == x.index.have {
		x.advice = "no repository offers anything: moss repo update"
	}
}

// forbidden is a package that has what, but must not be chosen.
func (x *explanation) forbidden(what stone.Provider) *ruledOut {
	var best *ruledOut
	for _, i := range x.index.owners(what) {
		for _, r := range x.group(x.index.pool[i].Meta.Name).ruledOut {
			if r.has(what) && (best == nil || better(r.Package, best.Package) < 0) {
				best = &r
			}
		}
	}
	return best
}

func (s *search) gaveUp() *Unsolvable {
	return &Unsolvable{
		GaveUp: true,
		what:   fmt.Sprintf("%s: gave up after %d steps without an answer", s.request.title(), s.steps),
		advice: "too many packages exclude each other: ask for less at once, or name the packages to choose",
	}
}

// title is the request in a few words.
func (r Request) title() string {
	var parts, names []string
	for _, what := range sorted(r.Install) {
		names = append(names, what.String())
	}
	for _, f := range r.Files {
		names = append(names, f.Meta.Name)
	}
	if len(names) > 0 {
		parts = append(parts, "install "+shorten(sortedNames(names), 3))
	}
	if r.Upgrade {
		parts = append(parts, "upgrade")
	}
	if len(r.Remove) > 0 {
		parts = append(parts, "remove "+shorten(sortedNames(r.Remove), 3))
	}
	return strings.Join(parts, ", ")
}
