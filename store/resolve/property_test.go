package resolve

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"moss/internal/testutil"
	"moss/store/stone"
)

// The rules again, written as a check of a finished selection: no search, no
// index, no order. brute tries every selection of a tiny universe against them.

type rulebook struct {
	Problem
	roots map[string]bool
}

func (b rulebook) named(list []Package, name string) *Package {
	for i := range list {
		if list[i].Meta.Name == name {
			return &list[i]
		}
	}
	return nil
}

// candidates are the packages that may be in a selection at all.
func (b rulebook) candidates() []Package {
	all := slices.Clone(b.Files)
	for _, p := range slices.Concat(b.Installed, b.Available) {
		gone := slices.Contains(b.Remove, p.Meta.Name) || b.named(b.Files, p.Meta.Name) != nil
		held := b.named(b.Installed, p.Meta.Name)
		back := held != nil && older(&p, held) && (!b.Downgrade || has(b.Available, held.ID))
		if !gone && !back && !has(all, p.ID) {
			all = append(all, p)
		}
	}
	return all
}

func has(list []Package, id string) bool {
	return slices.ContainsFunc(list, func(p Package) bool { return p.ID == id })
}

func provided(list []Package, c stone.Provider) bool {
	return slices.ContainsFunc(list, func(p Package) bool { return p.has(c) })
}

func (b rulebook) broken(sel []Package) string {
	for i, p := range sel {
		old := has(b.Installed, p.ID)
		for _, d := range p.Meta.Depends {
			if !provided(sel, d) && !(old && !provided(b.Installed, d)) {
				return fmt.Sprintf("%s needs %v", p.ID, d)
			}
		}
		for j, q := range sel {
			if i != j && (p.Meta.Name == q.Meta.Name || slices.ContainsFunc(p.Meta.Conflicts, q.has)) && !(old && has(b.Installed, q.ID)) {
				return fmt.Sprintf("%s excludes %s", p.ID, q.ID)
			}
		}
	}
	return b.denied(sel)
}

func (b rulebook) denied(sel []Package) string {
	world := slices.Concat(b.Files, b.Installed, b.Available)
	for _, c := range b.Install {
		if c.Kind == stone.KindName && b.named(world, c.Name) != nil {
			if b.named(sel, c.Name) == nil {
				return "no package is named " + c.Name
			}
		} else if !provided(sel, c) {
			return fmt.Sprintf("nothing has %v", c)
		}
	}
	for _, f := range b.Files {
		if !has(sel, f.ID) {
			return f.ID + " was given"
		}
	}
	for _, p := range b.Installed {
		replaced := slices.Contains(b.Remove, p.Meta.Name) || b.named(b.Files, p.Meta.Name) != nil
		if b.roots[p.ID] && !replaced && b.named(sel, p.Meta.Name) == nil {
			return p.Meta.Name + " has to stay"
		}
	}
	return ""
}

// brute calls yield with every selection that is within the rules.
func (b rulebook) brute(yield func([]Package) bool) {
	all := b.candidates()
	for set := range 1 << len(all) {
		sel := make([]Package, 0, bits.OnesCount(uint(set)))
		for i, p := range all {
			if set>>i&1 == 1 {
				sel = append(sel, p)
			}
		}
		if b.broken(sel) == "" && !yield(sel) {
			return
		}
	}
}

func drawCaps(t *rapid.T, label string, most int) []stone.Provider {
	return caps(rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d", "soname(x)", "soname(y)", "binary(z)"}), 0, most, rapid.ID[string]).Draw(t, label)...)
}

func drawProblem(t *rapid.T) Problem {
	var all []Package
	for i := range rapid.IntRange(1, 8).Draw(t, "packages") {
		m := &stone.Meta{Name: rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}).Draw(t, "name"), Version: "1", Release: rapid.Uint64Range(1, 3).Draw(t, "release")}
		m.Depends, m.Provides, m.Conflicts = drawCaps(t, "needs", 2), drawCaps(t, "has", 2), drawCaps(t, "against", 1)
		all = append(all, Package{ID: fmt.Sprint(i), Meta: m, Priority: rapid.IntRange(0, 1).Draw(t, "priority"), Repo: "r"})
	}
	p := Problem{}
	for _, q := range all {
		place := rapid.IntRange(0, 9).Draw(t, "place")
		if named := (rulebook{}).named(p.Installed, q.Meta.Name); place < 5 && named == nil {
			q.Explicit = rapid.Bool().Draw(t, "explicit")
			p.Installed = append(p.Installed, q)
		}
		if f := (rulebook{}).named(p.Files, q.Meta.Name); place == 9 && f == nil {
			p.Files = append(p.Files, q)
		} else if place >= 3 {
			p.Available = append(p.Available, q)
		}
	}
	p.Install = drawCaps(t, "install", 2)
	for _, q := range p.Installed {
		if !slices.Contains(p.Install, nameOf(&q)) && rapid.IntRange(0, 5).Draw(t, "remove") == 0 {
			p.Remove = append(p.Remove, q.Meta.Name)
		}
	}
	p.Upgrade, p.Downgrade = rapid.Bool().Draw(t, "upgrade"), rapid.Bool().Draw(t, "downgrade")
	return p
}

func shuffled(t *rapid.T, p Problem) Problem {
	for _, list := range []*[]Package{&p.Installed, &p.Available, &p.Files} {
		*list = rapid.Permutation(*list).Draw(t, "order")
	}
	p.Install = rapid.Permutation(p.Install).Draw(t, "order")
	p.Remove = rapid.Permutation(p.Remove).Draw(t, "order")
	return p
}

// TestAgainstBruteForce: a selection is within the rules; when there is one it
// is found, and only then; the order of the input does not matter; what is
// installed is kept, and upgraded, when everything can be.
func TestAgainstBruteForce(t *testing.T) {
	rapid.Check(testutil.Seeded(t), func(t *rapid.T) {
		p := drawProblem(t)
		b := rulebook{p, rootsOf(p.Installed)}
		got, err := Solve(p)
		again, errAgain := Solve(shuffled(t, p))
		if diff := cmp.Diff(show(got), show(again)); diff != "" || fmt.Sprint(err) != fmt.Sprint(errAgain) {
			t.Fatalf("the order of the input matters: %s %v %v", diff, err, errAgain)
		}
		if len(p.Install)+len(p.Files) == 0 && !p.Upgrade {
			removal(t, b, got, err)
			return
		}
		var unsolvable *Unsolvable
		if err != nil && (!errors.As(err, &unsolvable) || unsolvable.GaveUp || unsolvable.Hint() == "" || len(unsolvable.Lines()) > most) {
			t.Fatalf("got %#v", err)
		}
		b.compare(t, got, err)
	})
}

func (b rulebook) compare(t *rapid.T, got Solution, err error) {
	plain := slices.DeleteFunc(b.candidates(), func(p Package) bool { return !has(got.Packages, p.ID) })
	if err == nil {
		if why := b.broken(got.Packages); why != "" {
			t.Fatalf("got %s, which is against the rules: %s", show(got), why)
		}
	}
	for sel := range b.brute {
		if err != nil {
			t.Fatalf("got %v, want %s", err, show(Solution{Packages: sel}))
		}
		if !b.Upgrade && b.holds(sel, b.same) && !b.holds(plain, b.same) {
			t.Fatalf("got %s, but %s keeps all that is installed", show(got), show(Solution{Packages: sel}))
		}
		if b.Upgrade && b.holds(sel, b.best) && !b.holds(plain, b.best) {
			t.Fatalf("got %s, but %s upgrades all", show(got), show(Solution{Packages: sel}))
		}
	}
}

// holds: every installed package that has to stay is what it should be.
func (b rulebook) holds(sel []Package, should func(Package) string) bool {
	for _, p := range b.Installed {
		replaced := slices.Contains(b.Remove, p.Meta.Name) || b.named(b.Files, p.Meta.Name) != nil
		if !replaced && (b.roots[p.ID] || !b.Upgrade) && !has(sel, should(p)) && (b.roots[p.ID] || b.needs(sel, p)) {
			return false
		}
	}
	return true
}

// needs: p is not superfluous; something that stays needs what it has.
func (b rulebook) needs(sel []Package, p Package) bool {
	if p.Explicit || b.roots[p.ID] {
		return true
	}
	with := slices.Concat(sel, []Package{p})
	return reach(with, func(q Package) bool { return q.Explicit || b.roots[q.ID] || has(b.Files, q.ID) })[p.ID]
}

func (b rulebook) same(p Package) string { return p.ID }

func (b rulebook) best(p Package) string {
	var best *Package
	for i := range b.Available {
		if q := &b.Available[i]; q.Meta.Name == p.Meta.Name && (best == nil || better(q, best) < 0) {
			best = q
		}
	}
	if best == nil || older(best, &p) && (!b.Downgrade || has(b.Available, p.ID)) {
		return p.ID
	}
	return best.ID
}

// removal: nothing new comes, and what stays has all it had.
func removal(t *rapid.T, b rulebook, got Solution, err error) {
	kept := slices.DeleteFunc(slices.Clone(b.Installed), func(p Package) bool { return slices.Contains(b.Remove, p.Meta.Name) })
	if err == nil {
		if why := b.broken(got.Packages); why != "" {
			t.Fatalf("got %s, which is against the rules: %s", show(got), why)
		}
		for _, p := range got.Packages {
			if !has(kept, p.ID) {
				t.Fatalf("%s comes with a removal", p.ID)
			}
		}
		if len(b.Remove) == 0 && len(got.Packages) != len(b.Installed) {
			t.Fatalf("got %s for an empty request", show(got))
		}
		return
	}
	if why := b.broken(kept); why == "" {
		t.Fatalf("got %v, but nothing is missing without them", err)
	}
}
