package early

import (
	"errors"
	"os"
	"strings"
	"testing"
)

// The story of PID 1, as the documentation tells it. A change here is a change
// of fault points, of boot.json and of the page that lists them.
const wantSteps = `mounts
console
command-line
modules
shell
root-device
resume
fsck
sysroot
separate-usr
recover
usr-merge
activate
root-links
settle
usr-read-only
read-only
watchdog
report
switch-root`

const wantActivateSteps = `console
command-line
mounted
separate-usr
recover
usr-merge
activate
root-links
settle
usr-read-only
read-only
report`

func stepNames(steps []Step) string {
	var all []string
	for _, s := range steps {
		all = append(all, s.Name)
	}
	return strings.Join(all, "\n")
}

func TestSteps(t *testing.T) {
	if got := stepNames(Steps()); got != wantSteps {
		t.Errorf("got\n%s\nwant\n%s", got, wantSteps)
	}
	if got := stepNames(ActivateSteps()); got != wantActivateSteps {
		t.Errorf("got\n%s\nwant\n%s", got, wantActivateSteps)
	}
}

func TestRunStopsAtTheFirstErrorAndNamesTheStep(t *testing.T) {
	var ran []string
	step := func(name string, err error) Step {
		return Step{Name: name, Run: func(*Boot) error { ran = append(ran, name); return err }}
	}
	broken := errors.New("broken")
	b := &Boot{Top: t.TempDir()}
	err := b.Run([]Step{step("one", nil), step("two", broken), step("three", nil)})
	if !errors.Is(err, broken) || err.Error() != "two: broken" {
		t.Errorf("got %v, want two: broken", err)
	}
	if got := strings.Join(ran, " "); got != "one two" {
		t.Errorf("got %q, want one two", got)
	}
}

// Every step is a fault point of its own name.
func TestEveryStepIsAFaultPoint(t *testing.T) {
	if !faults {
		if os.Getenv("MOSS_FAULT") != "" {
			t.Error("MOSS_FAULT is set in a build without fault points")
		}
		return
	}
	t.Setenv("MOSS_FAULT", "early/two:error")
	b := &Boot{Top: t.TempDir()}
	ran := false
	err := b.Run([]Step{{Name: "two", Run: func(*Boot) error { ran = true; return nil }}})
	if err == nil || ran {
		t.Errorf("got %v, ran %v, want the fault before the step", err, ran)
	}
}
