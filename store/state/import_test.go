package state_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"moss/store/state"
	"moss/store/stone"
)

func imported() ([]state.Package, []state.State) {
	packages := []state.Package{{ID: "p1", Meta: stone.Meta{Name: "p", Version: "1"}}}
	var states []state.State
	for _, id := range []state.ID{3, 7} {
		states = append(states, state.State{ID: id, Created: time.Unix(int64(id), 0).UTC(), Summary: "from elsewhere",
			Fault: "no kernel", Selections: []state.Selection{{Package: "p1", Explicit: true}}})
	}
	return packages, states
}

func TestImportKeepsNumbersAndGivesNoneOfThemAgain(t *testing.T) {
	db, err := state.Open(filepath.Join(t.TempDir(), "db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	packages, states := imported()
	if err := db.Import(packages, states, 20); err != nil {
		t.Fatal(err)
	}
	got, err := db.States()
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(states, got); d != "" {
		t.Error(d)
	}
	if id, err := db.AddState(state.State{}); id != 21 || err != nil {
		t.Errorf("the next state is %d, %v, want 21", id, err)
	}
	// A floor that is lower than what was given does not lower the counter.
	if err := db.Import(nil, nil, 5); err != nil {
		t.Fatal(err)
	}
	if id, err := db.AddState(state.State{}); id != 22 || err != nil {
		t.Errorf("the next state is %d, %v, want 22", id, err)
	}
}

func TestImportIntoAnEmptyDatabaseCountsFromItsFloor(t *testing.T) {
	db, err := state.Open(filepath.Join(t.TempDir(), "db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Import(nil, nil, 9); err != nil {
		t.Fatal(err)
	}
	if id, err := db.AddState(state.State{}); id != 10 || err != nil {
		t.Errorf("the next state is %d, %v, want 10", id, err)
	}
}

func TestImportIsAllOrNothing(t *testing.T) {
	packages, states := imported()
	for name, c := range map[string]struct {
		states []state.State
		floor  state.ID
	}{
		"number taken":      {append(states, state.State{ID: 3}), 0},
		"number 0":          {append(states, state.State{}), 0},
		"number too large":  {append(states, state.State{ID: 1 << 63}), 0},
		"floor too large":   {states, 1 << 63},
		"package not known": {append(states, state.State{ID: 8, Selections: []state.Selection{{Package: "p2"}}}), 0},
	} {
		db, err := state.Open(filepath.Join(t.TempDir(), "db"))
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Import(packages, c.states, c.floor); err == nil {
			t.Errorf("%s: imported", name)
		}
		if got, err := db.States(); len(got) != 0 || err != nil {
			t.Errorf("%s: %d states are there, %v", name, len(got), err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
