package system_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"moss/internal/system"
	"moss/internal/testutil"
	"moss/store"
)

// TestTwoWritersAtOnce: of many that wait all get their turn, each on top of the
// other's state; one that does not wait is told who is at it.
func TestTwoWritersAtOnce(t *testing.T) {
	root := newRoot(t)
	install(t, options(root), base())
	var group sync.WaitGroup
	names := []string{"base"}
	for i := range 4 {
		name := fmt.Sprintf("p%d", i)
		names = append(names, name)
		files := write(t, testutil.Stone{Name: name, Files: testutil.Tree{"bin/" + name: name}})
		group.Go(func() {
			opt := options(root)
			opt.Wait = true
			if _, err := system.Transact(t.Context(), opt, system.Change{Stones: files}); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	group.Wait()
	one, err := system.OneState(options(root), live(t, root))
	if err != nil || one.ID != 5 {
		t.Fatalf("got state %d, %v, want 5", one.ID, err)
	}
	for _, name := range names {
		if !slices.Contains(one.Packages, name+" 1") {
			t.Errorf("%s is not in %v", name, one.Packages)
		}
	}
}

func TestTheImpatientWriterIsToldWhoWrites(t *testing.T) {
	root := newRoot(t)
	held, _, err := store.Open(t.Context(), root, store.Access{Command: "moss install nano"})
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	_, err = system.Transact(t.Context(), options(root), system.Change{Stones: write(t, base())})
	var locked *store.LockedError
	if !errors.As(err, &locked) || system.ExitCode(err) != 5 {
		t.Fatalf("got %v (exit code %d), want a LockedError and 5", err, system.ExitCode(err))
	}
	if want := "moss install nano (process "; len(locked.Holder) < len(want) || locked.Holder[:len(want)] != want {
		t.Errorf("the holder is called %q", locked.Holder)
	}
}

// TestTheClockJumpsBack: states are ordered by their number, whatever the clock
// says of them.
func TestTheClockJumpsBack(t *testing.T) {
	root := newRoot(t)
	install(t, options(root), base())
	early := options(root)
	early.Now = time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC)
	result := install(t, early, testutil.Stone{Name: "a", Files: testutil.Tree{"bin/a": "a"}})
	if live(t, root) != result.ID || result.ID != 2 {
		t.Errorf("state %d is live, state %d was made, want 2", live(t, root), result.ID)
	}
	menu, err := system.ReadMenu(options(root))
	if err != nil || len(menu.Entries) != 2 || menu.Entries[0].State != 2 || menu.Default != 2 {
		t.Errorf("got menu %+v, %v, want state 2 first and the default", menu, err)
	}
}
