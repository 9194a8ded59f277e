package store_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moss/store"
	"moss/store/state"
	"moss/store/stone"
)

func pkg(name string, needs ...string) state.Package {
	p := state.Package{ID: "id-" + name, Meta: stone.Meta{Name: name, Version: "1"}}
	for _, n := range needs {
		p.Meta.Depends = append(p.Meta.Depends, stone.Provider{Name: n})
	}
	return p
}

func resolve(t *testing.T, c store.Choice, req store.Request) store.Choice {
	t.Helper()
	next, err := c.Resolve(req)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

func TestResolveReplacesByName(t *testing.T) {
	c := resolve(t, store.Choice{}, store.Request{Add: []state.Package{pkg("nano")}})
	newer := pkg("nano")
	newer.ID, newer.Meta.Version = "id-nano-2", "2"
	c = resolve(t, c, store.Request{Add: []state.Package{newer}})
	if len(c.Packages) != 1 || c.Packages[0].ID != "id-nano-2" {
		t.Errorf("got %v, want only the newer nano", c.Packages)
	}
}

func TestResolveRefusals(t *testing.T) {
	libc := pkg("libc")
	both := resolve(t, store.Choice{}, store.Request{Add: []state.Package{libc, pkg("bash", "libc")}})
	enemy := pkg("enemy")
	enemy.Meta.Conflicts = []stone.Provider{{Name: "bash"}}
	other := pkg("bash")
	other.ID = "another bash"
	for name, c := range map[string]struct {
		req  store.Request
		want []string
	}{
		"needed by another":    {store.Request{Remove: []string{"libc"}}, []string{"bash needs libc"}},
		"dependency missing":   {store.Request{Add: []state.Package{pkg("vim", "libc", "python")}}, []string{"vim needs python"}},
		"not installed":        {store.Request{Remove: []string{"emacs"}}, []string{"emacs", "not installed"}},
		"conflict":             {store.Request{Add: []state.Package{enemy}, Force: true}, []string{"enemy 1", "bash 1"}},
		"two files of a name":  {store.Request{Add: []state.Package{pkg("bash", "libc"), other}}, []string{"bash"}},
		"two names, one wrong": {store.Request{Remove: []string{"bash", "emacs"}}, []string{"emacs"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := both.Resolve(c.req)
			if !errors.Is(err, store.ErrRefused) {
				t.Fatalf("got %v, want a refusal", err)
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q does not say %q", err, part)
				}
			}
		})
	}
	forced := resolve(t, both, store.Request{Remove: []string{"libc"}, Force: true})
	if diff := cmp.Diff([]string{"bash"}, forced.Names()); diff != "" {
		t.Error(diff)
	}
}

// TestRemoveTakesWhatOnlyItNeeded: ncurses came for nano alone and goes with
// it; zlib was an orphan before and is not this removal's business.
func TestRemoveTakesWhatOnlyItNeeded(t *testing.T) {
	full := store.ChoiceOf(map[string]bool{"id-nano": true, "id-bash": true},
		pkg("nano", "ncurses", "libc"), pkg("ncurses"), pkg("libc"), pkg("bash", "libc"), pkg("zlib"))
	c := resolve(t, full, store.Request{Remove: []string{"nano"}})
	if diff := cmp.Diff([]string{"bash", "libc", "zlib"}, c.Names()); diff != "" {
		t.Error(diff)
	}
}
