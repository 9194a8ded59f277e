package system

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"moss/internal/ui"
	"moss/store/state"
)

// TestARemovalNeedsTheMenu: its advice must not be the flag that it refuses.
func TestARemovalNeedsTheMenu(t *testing.T) {
	err := inRemoval(fmt.Errorf("describe: %w", &RootError{"/r", "no fstab"}))
	if hint := ui.Hint(err); ExitCode(err) != exitRefused || !strings.Contains(hint, "root=UUID") || strings.Contains(hint, "no-boot") {
		t.Errorf("got %v, hint %q", err, hint)
	}
}

func TestSuperfluous(t *testing.T) {
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	all := []StateInfo{{ID: 1, Pinned: true}, {ID: 2, Booted: true}, {ID: 3, Default: true}, {ID: 4, OneShot: true}, {ID: 5}, {ID: 6}, {ID: 7, Active: true}, {ID: 8}, {ID: 9}}
	for i := range all {
		all[i].Created = now.Add(time.Duration(i-len(all)) * 24 * time.Hour) // state 1 is nine days old, state 9 one
	}
	all[5].Created = now.Add(time.Hour) // the clock was set back since
	for _, c := range []struct {
		policy Policy
		want   []state.ID
	}{
		{Policy{}, nil},
		{Policy{States: 1}, []state.ID{5, 6, 8}},
		{Policy{States: 2}, []state.ID{5, 6}},
		{Policy{States: 100}, nil},
		{Policy{Age: 24 * time.Hour}, []state.ID{5, 8, 9}},
		{Policy{Age: 60 * time.Hour}, []state.ID{5}},
		{Policy{States: 2, Age: 24 * time.Hour}, []state.ID{5}},
		{Policy{States: 1, Age: 1000 * time.Hour}, nil},
	} {
		var got []state.ID
		for _, s := range c.policy.superfluous(all, now) {
			got = append(got, s.ID)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%+v: got %v, want %v", c.policy, got, c.want)
		}
	}
}
