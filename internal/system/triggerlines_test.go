package system

import (
	"errors"
	"slices"
	"testing"

	"moss/internal/ui"
	"moss/store/trigger"
)

// TestFailedTriggersSayWhatTheyPrinted: the error itself brings it, so that it is
// seen with --quiet too.
func TestFailedTriggersSayWhatTheyPrinted(t *testing.T) {
	a, b := &trigger.Error{Trigger: "a", Output: "one\ntwo\n"}, &trigger.Error{Trigger: "b", Output: "three"}
	for _, c := range []struct {
		errs failures
		want []string
	}{
		{failures{a}, []string{"one", "two"}},
		{failures{a, errors.New("x"), b}, []string{"a: one", "a: two", "b: three"}},
		{failures{errors.New("x")}, nil},
	} {
		err := error(&LateError{1, c.errs})
		if got := ui.Details(err); !slices.Equal(got, c.want) || ExitCode(err) != ExitLate {
			t.Errorf("%v: got %q (exit code %d), want %q", err, got, ExitCode(err), c.want)
		}
	}
}
