//go:build faultinject

package system_test

import (
	"slices"
	"testing"

	"moss/internal/system"
	"moss/store/state"
)

// TestFailedSweepSaysWhatIsGone: states that are gone are in the answer, and so
// is that not all was done.
func TestFailedSweepSaysWhatIsGone(t *testing.T) {
	for point, want := range map[string][]state.ID{"prune/state": {}, "prune/rows": {2, 3}, "prune/done": {2, 3}} {
		_, opt := five(t)
		t.Setenv("MOSS_FAULT", point+":error")
		done, err := system.RemoveStates(t.Context(), opt, []state.ID{2, 3})
		t.Setenv("MOSS_FAULT", "")
		if system.ExitCode(err) != system.ExitLate || !slices.Equal(done.States, want) {
			t.Errorf("%s: got %+v, %v (exit code %d), want %v gone", point, done, err, system.ExitCode(err), want)
		}
	}
}
