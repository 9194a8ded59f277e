package resolve

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// within solves and fails when it took more than a fixed number of steps: an
// exponential search takes a million times that, however quick the machine.
func within(t *testing.T, steps int, p Problem) (Solution, error) {
	t.Helper()
	s := newSearch(newIndex(p.Files, p.Installed, p.Available), p, false)
	s.budget = steps
	solution, err := s.run()
	if e, ok := err.(*Unsolvable); ok && e.GaveUp {
		t.Fatalf("got %v, want an answer", err)
	}
	t.Logf("%d steps, %d candidates", s.steps, len(s.list))
	return solution, err
}

// TestChainOfAlternatives: each of 1,000 links can be had from two packages,
// and the last needs what is excluded; or, in the other half, one of the last.
func TestChainOfAlternatives(t *testing.T) {
	const links = 1000
	chain := func(last string) Problem {
		all := pkgs("top against bad")
		all[0].Meta.Depends = caps("soname(1)", "bad-free")
		all = append(all, pkgs("free has bad-free", "bad")...)
		for i := 1; i <= links; i++ {
			for _, side := range []string{"left", "right"} {
				next := fmt.Sprintf("needs soname(%d)", i+1)
				if i == links {
					next = map[string]string{"left": "needs bad", "right": last}[side]
				}
				all = append(all, pkg(fmt.Sprintf("%s%d has soname(%d) %s", side, i, i, next)))
			}
		}
		return Problem{nil, all, install("top")}
	}
	if s, err := within(t, 2_000_000, chain("")); err != nil || len(s.Packages) != links+2 {
		t.Errorf("got %d packages, %v", len(s.Packages), err)
	}
	p := chain("needs bad")
	if _, err := within(t, 2_000_000, p); err == nil {
		t.Error("got a solution, want none")
	}
	e := refused(t, p)
	t.Logf("%v\n%s", e, strings.Join(e.Lines(), "\n"))
}

// TestManyProviders: 30 needs, 30 providers each, and conflicts between the
// providers of different needs: all of them, those of the same number, chance.
func TestManyProviders(t *testing.T) {
	n := 30
	if testing.Short() {
		n = 15
	}
	var random *rand.Rand
	for name, c := range map[string]struct {
		against func(i, j, k, l int) bool
		fails   bool
	}{
		"all but of one row": {func(i, j, k, l int) bool { return true }, true},
		"same number":        {func(i, j, k, l int) bool { return j == l }, false},
		"all but one each":   {func(i, j, k, l int) bool { return j != n-1 || l != n-1 }, false},
		"half":               {func(_, _, _, _ int) bool { return random.IntN(2) == 0 }, true},
		"one in ten":         {func(_, _, _, _ int) bool { return random.IntN(10) == 0 }, false},
	} {
		t.Run(name, func(t *testing.T) {
			random = rand.New(rand.NewPCG(1, 2))
			all := pkgs("top")
			for i := range n {
				all[0].Meta.Depends = append(all[0].Meta.Depends, caps(fmt.Sprintf("soname(%d)", i))...)
				for j := range n {
					p := pkg(fmt.Sprintf("p%dx%d has soname(%d)", i, j, i))
					for k := range i {
						for l := range n {
							if c.against(i, j, k, l) {
								p.Meta.Conflicts = append(p.Meta.Conflicts, caps(fmt.Sprintf("p%dx%d", k, l))...)
							}
						}
					}
					all = append(all, p)
				}
			}
			if s, err := within(t, 20_000_000, Problem{nil, all, install("top")}); (err != nil) != c.fails {
				t.Errorf("got %s, %v", show(s), err)
			}
		})
	}
}

// TestGivesUp: 12 pigeons in 11 holes is beyond every search of this kind. It
// ends all the same.
func TestGivesUp(t *testing.T) {
	all := pkgs("top")
	for i := range 12 {
		all[0].Meta.Depends = append(all[0].Meta.Depends, caps(fmt.Sprintf("soname(%d)", i))...)
		for hole := range 11 {
			all = append(all, pkg(fmt.Sprintf("p%dx%d has soname(%d) hole%d against hole%d", i, hole, i, hole, hole)))
		}
	}
	p := Problem{nil, all, install("top")}
	s := newSearch(newIndex(nil, nil, all), p, false)
	s.budget = 2_000_000
	_, err := s.run()
	if e, ok := err.(*Unsolvable); !ok || !e.GaveUp || !strings.Contains(e.Error(), "gave up") || e.Hint() == "" {
		t.Errorf("got %v, want that it gave up", err)
	}
}

// TestDiamond: both sides of the diamond have two builds, of which only the old
// ones go with one build of the base.
func TestDiamond(t *testing.T) {
	offered := pkgs("top needs left right", "left-2 needs soname(b2)", "left-1 needs soname(b1)", "right-1 needs soname(b1)",
		"base-1 has soname(b1)", "base-2 has soname(b2)")
	want(t, Problem{nil, offered, install("top")}, "base-1 left-1 right-1 top-1!")
	deep := pkgs("top needs l0 r0", "base-1 has soname(b1)", "base-2 has soname(b2)")
	for i := range 200 {
		for _, side := range []string{"l", "r"} {
			for build := range 3 {
				next := fmt.Sprintf("%s%d", side, i+1)
				if i == 199 {
					next = map[string]string{"l": "soname(b1)", "r": "soname(b2)"}[side]
				}
				deep = append(deep, pkg(fmt.Sprintf("%s%d-%d needs %s", side, i, build+1, next)))
			}
		}
	}
	if s, err := within(t, 2_000_000, Problem{nil, deep, install("top")}); err == nil {
		t.Errorf("got %s, want none", show(s))
	}
}

// TestTwoRulesFailAtOnce: the newest c both excludes what is there and lacks
// something. Going by the first rule alone would choose it once e has changed.
func TestTwoRulesFailAtOnce(t *testing.T) {
	refused(t, Problem{pkgs("a!", "e! has c"), pkgs("e-2", "c-2 needs binary(z) against c", "c against a"), install("c")})
}
