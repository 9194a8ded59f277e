package system_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moss/internal/system"
	"moss/store"
	"moss/store/state"
)

// TestNoBootIsNotBelievedWhereThereAreEntries: an entry is never left without its
// tree, whatever was asked for.
func TestNoBootIsNotBelievedWhereThereAreEntries(t *testing.T) {
	root, opt := five(t)
	opt.NoBoot = true
	for _, dry := range []bool{true, false} {
		opt.DryRun = dry
		_, err := system.RemoveStates(t.Context(), opt, []state.ID{1, 3})
		if !errors.Is(err, store.ErrRefused) || !strings.Contains(err.Error(), "state 1, 3:") {
			t.Errorf("remove: got %v, want it refused", err)
		}
		if _, err := system.Prune(t.Context(), opt, system.Policy{States: 4}); !errors.Is(err, store.ErrRefused) || !strings.Contains(err.Error(), "state 1:") {
			t.Errorf("prune: got %v, want it refused", err)
		}
	}
	if got := ids(t, opt); len(got) != 5 {
		t.Errorf("got states %v, want all five", got)
	}
	for name := range entries(t, root) {
		if strings.Contains(name, "-3-") {
			if err := os.Remove(filepath.Join(root, "efi/loader/entries", name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := system.RemoveStates(t.Context(), opt, []state.ID{3}); err != nil {
		t.Errorf("a state without an entry: %v", err)
	}
}

// TestPinOutlivesItsMenu: the mark is set and the menu cannot be written, which is
// neither nothing nor a refusal.
func TestPinOutlivesItsMenu(t *testing.T) {
	root, opt := five(t)
	if err := os.Rename(filepath.Join(root, "efi"), filepath.Join(root, "away")); err != nil {
		t.Fatal(err)
	}
	done, err := system.Pin(t.Context(), opt, []state.ID{2}, true)
	if system.ExitCode(err) != system.ExitLate || !slices.Equal(done.States, []state.ID{2}) || !strings.HasPrefix(err.Error(), "state 2 is pinned, but: ") {
		t.Errorf("got %+v, %v (exit code %d)", done, err, system.ExitCode(err))
	}
	if one, err := system.OneState(opt, 2); err != nil || !one.Pinned {
		t.Errorf("got %+v, %v, want it pinned", one, err)
	}
	if _, err := system.Pin(t.Context(), opt, []state.ID{99}, true); system.ExitCode(err) != 3 {
		t.Errorf("got %v, want a refusal: nothing was done", err)
	}
}

// TestStoppedRemovalSaysWhatIsGone: the menu was written when the signal came.
func TestStoppedRemovalSaysWhatIsGone(t *testing.T) {
	_, opt := five(t)
	ctx, stop := context.WithCancel(t.Context())
	opt.Log = func(line string) {
		if strings.HasPrefix(line, "menu: ") {
			stop()
		}
	}
	done, err := system.RemoveStates(ctx, opt, []state.ID{1, 2})
	if system.ExitCode(err) != system.ExitLate || !errors.Is(err, context.Canceled) || len(done.States) != 0 || done.Packages != 0 {
		t.Errorf("got %+v, %v (exit code %d), want no state gone and code 4", done, err, system.ExitCode(err))
	}
	if got := ids(t, opt); len(got) != 5 {
		t.Errorf("got states %v", got)
	}
	opt.Log = func(string) {}
	if _, err := system.SyncMenu(t.Context(), opt); err != nil {
		t.Error(err)
	}
	clean(t, opt)
	stop()
	if _, err := system.RemoveStates(ctx, opt, []state.ID{1}); system.ExitCode(err) != 1 {
		t.Errorf("stopped before anything: got %v, want code 1", err)
	}
}
