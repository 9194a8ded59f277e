package early

import (
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// watchedStep runs a step in a bubble of time, where two seconds take none, and gives
// what was on the screen.
func watchedStep(t *testing.T, name string, run func(b *Boot)) (said string) {
	t.Helper()
	tty, err := os.CreateTemp(t.TempDir(), "tty")
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	synctest.Test(t, func(t *testing.T) {
		b := &Boot{Top: t.TempDir()}
		b.console.tty = tty
		if err := b.Run([]Step{{name, func(b *Boot) error { run(b); return nil }}, {"last", func(*Boot) error { return nil }}}); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Hour) // a timer that was left would run out
	})
	text, err := os.ReadFile(tty.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestSlowStepIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		step string
		run  func(b *Boot)
		want string
	}{
		"quick":       {"sysroot", func(*Boot) { time.Sleep(slow - time.Millisecond) }, ""},
		"slow":        {"sysroot", func(*Boot) { time.Sleep(slow + time.Millisecond) }, "moss-init: still busy with sysroot: mounting the root; after a power cut it mends itself first\n"},
		"once":        {"x", func(*Boot) { time.Sleep(time.Minute) }, "moss-init: still busy with x\n"},
		"says itself": {"x", func(b *Boot) { time.Sleep(time.Second); b.console.warnf("words"); time.Sleep(slow - time.Millisecond) }, "moss-init: words\n"},
		"says something, then hangs": {"x", func(b *Boot) { time.Sleep(time.Second); b.console.warnf("words"); time.Sleep(slow + time.Second) },
			"moss-init: words\nmoss-init: still busy with x\n"},
		"a note is nothing":      {"x", func(b *Boot) { time.Sleep(time.Second); b.console.debugf("words"); time.Sleep(slow) }, "moss-init: still busy with x\n"},
		"asks":                   {"x", func(b *Boot) { defer b.asking()(); time.Sleep(time.Hour) }, ""},
		"asks, then hangs":       {"x", func(b *Boot) { b.asking()(); time.Sleep(slow + time.Millisecond) }, "moss-init: still busy with x\n"},
		"asks in asking":         {"x", func(b *Boot) { defer b.asking()(); b.asking()(); time.Sleep(time.Hour) }, ""},
		"asks after it was told": {"x", func(b *Boot) { time.Sleep(2 * slow); b.asking()(); time.Sleep(2 * slow) }, "moss-init: still busy with x\n"},
	} {
		if got := watchedStep(t, c.step, c.run); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

// TestNothingWatchesAfterPanic: PID 1 goes on after a panic in a step, to say why.
func TestNothingWatchesAfterPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &Boot{Top: t.TempDir()}
		func() {
			defer func() { _ = recover() }()
			_ = b.Run([]Step{{"x", func(*Boot) error { panic("bad step") }}})
		}()
		if b.busy.step != "" || b.busy.timer.Stop() {
			t.Error("the watch goes on")
		}
	})
}

// TestAskingWithoutStep: Fatal asks when no step runs any more.
func TestAskingWithoutStep(t *testing.T) {
	b := &Boot{}
	b.asking()()
}

// Every step has words for a person.
func TestEveryStepIsDescribed(t *testing.T) {
	plain := "mounts console command-line shell separate-usr settle usr-read-only report"
	for _, s := range append(Steps(), ActivateSteps()...) {
		if describe(s.Name) == s.Name && !strings.Contains(plain, s.Name) {
			t.Errorf("%s has no words", s.Name)
		}
	}
}
