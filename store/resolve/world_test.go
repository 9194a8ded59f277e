package resolve

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moss/store/stone"
)

func caps(words ...string) []stone.Provider {
	var all []stone.Provider
	for _, w := range words {
		c, err := stone.ParseProvider(w)
		if err != nil {
			panic(err)
		}
		all = append(all, c)
	}
	return all
}

// pkg reads "NAME[-RELEASE][@REPO[:PRIORITY]][!] [needs CAP...] [has CAP...] [against CAP...]";
// ! means asked for. The id is all of the first word but the repository.
func pkg(text string) Package {
	words := strings.Fields(text)
	head, asked := strings.CutSuffix(words[0], "!")
	label, repo, _ := strings.Cut(head, "@")
	name, release, _ := strings.Cut(label, "-")
	m := &stone.Meta{Name: name, Version: "1", Release: 1}
	fmt.Sscan(release, &m.Release)
	p := Package{ID: fmt.Sprintf("%s-%d", name, m.Release), Meta: m, Explicit: asked}
	p.Repo, release, _ = strings.Cut(repo, ":")
	fmt.Sscan(release, &p.Priority)
	var list *[]stone.Provider
	for _, w := range words[1:] {
		switch w {
		case "needs":
			list = &m.Depends
		case "has":
			list = &m.Provides
		case "against":
			list = &m.Conflicts
		default:
			*list = append(*list, caps(w)...)
		}
	}
	return p
}

func pkgs(texts ...string) []Package {
	var all []Package
	for _, text := range texts {
		all = append(all, pkg(text))
	}
	return all
}

// show is a selection as words: id and ! for what was asked for.
func show(s Solution) string {
	var words []string
	for _, p := range s.Packages {
		w := p.ID
		if p.Explicit {
			w += "!"
		}
		words = append(words, w)
	}
	return strings.Join(words, " ")
}

func want(t *testing.T, p Problem, selection string, notes ...string) {
	t.Helper()
	s, err := Solve(p)
	if err != nil {
		t.Fatalf("got %q %q, want %s", err, err.(*Unsolvable).Lines(), selection)
	}
	if diff := cmp.Diff(selection, show(s)); diff != "" {
		t.Errorf("selection: %s", diff)
	}
	if diff := cmp.Diff(notes, s.Notes); diff != "" && len(notes)+len(s.Notes) > 0 {
		t.Errorf("notes: %s", diff)
	}
}

func refused(t *testing.T, p Problem) *Unsolvable {
	t.Helper()
	s, err := Solve(p)
	if err == nil {
		t.Fatalf("got %s, want a refusal", show(s))
	}
	e := err.(*Unsolvable)
	if len(e.Lines()) > most || e.Hint() == "" || strings.Contains(e.Error(), "\n") || strings.HasSuffix(e.Error(), ": ") {
		t.Errorf("bad form: %q, hint %q, %d lines", e, e.Hint(), len(e.Lines()))
	}
	return e
}

// wantRefused compares the whole text of a refusal.
func wantRefused(t *testing.T, p Problem, lines ...string) {
	t.Helper()
	e := refused(t, p)
	got := append([]string{e.Error()}, e.Lines()...)
	got = append(got, "hint: "+e.Hint())
	if diff := cmp.Diff(lines, got); diff != "" {
		t.Error(diff)
	}
}

func install(words ...string) Request { return Request{Install: caps(words...)} }
