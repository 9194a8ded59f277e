//go:build faultinject

package store_test

import (
	"os"
	"path/filepath"
	"testing"

	"moss/internal/testutil"
	"moss/store/state"
)

// TestFailedSealSaysWhetherThereIsAState: an id comes with the error exactly when
// the stage has become a state, and that one can be withdrawn.
func TestFailedSealSaysWhetherThereIsAState(t *testing.T) {
	for point, want := range map[string]state.ID{"seal/sync": 0, "seal/recorded": 0, "seal/sealed": 0, "seal/archived": 1} {
		t.Run(filepath.Base(point), func(t *testing.T) {
			m := newMachine(t)
			stage, after := m.stage(m.unpack(testutil.Stone{Name: "a", Files: testutil.Tree{"bin/a": "a"}})...)
			t.Setenv("MOSS_FAULT", point+":error")
			id, err := stage.Seal(state.State{Summary: "test", Selections: after.Selections()})
			t.Setenv("MOSS_FAULT", "")
			if err == nil || id != want {
				t.Errorf("got %d, %v, want %d", id, err, want)
			}
			_, gone := os.Stat(filepath.Join(m.root, ".moss/root/1/usr/bin/a"))
			if isState := gone == nil; isState != (want != 0) {
				t.Errorf("the tree is archived: %v", isState)
			}
			if id != 0 {
				if err := m.s.Withdraw(id); err != nil {
					t.Error(err)
				}
			}
			if err := stage.Drop(); err != nil {
				t.Error(err)
			}
			rows, err := m.s.States()
			left := append(testutil.List(t, filepath.Join(m.root, ".moss/root")), testutil.List(t, filepath.Join(m.root, ".moss/manifests"))...)
			if err != nil || len(rows) != 0 || len(left) != 0 {
				t.Errorf("left: %v, %v, %v", rows, left, err)
			}
		})
	}
}
