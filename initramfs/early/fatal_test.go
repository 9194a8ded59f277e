package early

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moss/internal/testutil"
)

// lost is a boot that has come to its end with the root mounted.
func lost(t *testing.T, line string) (*Boot, *recorder) {
	t.Helper()
	b := bootOf(t, system(t, "1 broken", nil).with(line))
	return b, b.platform.(*recorder)
}

// Three restarts, then the machine waits for a person, who may restart it as
// often as they like.
func TestFatalIsBounded(t *testing.T) {
	b, machine := lost(t, "moss.fstx=1")
	for range 5 {
		b.raised = 0 // another boot
		b.giveUp(errors.New("no state can boot"))
	}
	if want := []string{"pause 10s", "pause 10s", "pause 10s", "enter", "enter"}; !slices.Equal(machine.calls, want) {
		t.Errorf("got %v, want %v", machine.calls, want)
	}
	if got := screen(t, b); !strings.Contains(got, "has restarted itself 3 times") || !strings.Contains(got, "Press Enter to reboot") {
		t.Errorf("got %q", got)
	}
}

func TestFatal(t *testing.T) {
	off := &stopped{errors.New("moss.fallback=off allows no other")}
	for _, tt := range []struct {
		name, line string
		cause      any
		change     func(b *Boot)
		want       string
	}{
		{"panic=", "panic=3", "x", nil, "pause 3s"},
		{"panic=0", "panic=0", "x", nil, "enter"},
		{"panic=-1", "panic=-1", "x", nil, ""},
		{"fallback off", "", off, nil, "enter"},
		{"fallback off, wrapped", "", errors.Join(off), nil, "enter"},
		{"fallback off with panic=", "panic=5", off, nil, "pause 5s"},
		{"no root", "", "x", func(b *Boot) { b.mounted = nil }, "pause 10s"},
		{"no room to count", "", "x", func(b *Boot) {
			testutil.Tree{".moss/boot": "a file"}.Create(t, b.Sysroot)
		}, "enter"},
		{"counted by this very boot", "", "x", func(b *Boot) { b.restarted = 3 }, "enter"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, machine := lost(t, tt.line)
			if tt.change != nil {
				tt.change(b)
			}
			b.giveUp(tt.cause)
			if got := strings.Join(machine.calls, ","); got != tt.want {
				t.Errorf("got %q, want %q; screen %q", got, tt.want, screen(t, b))
			}
		})
	}
}

// What goes wrong after the wanted state was found to work is counted on: init
// that cannot be executed must not restart the machine for ever.
func TestFailureAfterSettling(t *testing.T) {
	c := system(t, "1 ok", nil).with("moss.fstx=1")
	testutil.Tree{".moss/boot/attempts": "2\n"}.Create(t, c.states.Dir())
	b := bootOf(t, c)
	if err := errors.Join(b.activate(), b.settle()); err != nil {
		t.Fatal(err)
	}
	b.giveUp("execute /sbin/init: permission denied")
	if got := readAttempts(b.Sysroot); got.count != 3 {
		t.Errorf("got %+v, want the third", got)
	}
	again := bootOf(t, c)
	if err := errors.Join(again.activate(), again.settle()); err != nil {
		t.Fatal(err)
	}
	again.giveUp("execute /sbin/init: permission denied")
	if machine := again.platform.(*recorder); !machine.called("enter") {
		t.Errorf("got %v, want a machine that waits", machine.calls)
	}
}

// An image with a shell gives it, but not to a machine that looks after itself.
func TestFatalGivesShell(t *testing.T) {
	for line, want := range map[string]bool{"": true, "panic=5": false} {
		b, machine := lost(t, line)
		testutil.Tree{"bin/sh": "0755:#!/bin/sh\nexit 3\n"}.Create(t, b.Top)
		b.giveUp("x")
		if got := strings.Contains(screen(t, b), "the shell ended with 3"); got != want {
			t.Errorf("%q: got a shell: %v; %q", line, got, screen(t, b))
		}
		if !machine.called("pause") {
			t.Errorf("%q: got %v", line, machine.calls)
		}
	}
}

// After a switch that failed half-way the root is "/" already.
func TestCountAfterFailedSwitch(t *testing.T) {
	b, _ := lost(t, "")
	b.Top, b.Sysroot = b.Sysroot, filepath.Join(b.Top, "gone")
	b.giveUp("x")
	if _, err := os.Stat(filepath.Join(b.Top, ".moss/boot/attempts")); err != nil {
		t.Error(err)
	}
}

// A state that passed every check and that the kernel does not execute all the same
// is not tried again: the next boot takes another.
func TestStateThatCannotBeExecuted(t *testing.T) {
	c := system(t, "2 ok", map[string]string{"1": "ok"}).with("moss.fstx=2")
	b := bootOf(t, c)
	if err := errors.Join(b.activate(), b.settle()); err != nil {
		t.Fatal(err)
	}
	b.blame(errors.New("execute /sbin/init: exec format error"))
	again := bootOf(t, c)
	if err := errors.Join(again.activate(), again.settle()); err != nil || again.report.Activated != 1 || !strings.HasSuffix(again.report.Reason, "exec format error") {
		t.Errorf("got %+v, %v", again.report.Outcome, err)
	}
}

// A folder of the root that has the name of our mount point is none.
func TestCountAfterSwitch(t *testing.T) {
	b, _ := lost(t, "")
	b.arrived()
	if b.rootNow() != "/" || b.mounted.path != "/" {
		t.Errorf("got %s, %+v", b.rootNow(), b.mounted)
	}
}

// Inside somebody else's initramfs the end is theirs; the report is there for it, and
// panic= restarts the machine as often as it does elsewhere.
func TestForsake(t *testing.T) {
	for _, tt := range []struct {
		line string
		want []string
	}{
		{"", nil},
		{"panic=0", nil},
		{"panic=4", []string{"pause 4s", "restart"}},
		{"panic=-1", []string{"pause 0s", "restart"}},
	} {
		b, machine := lost(t, "moss.fstx=1 "+tt.line)
		for range 4 {
			b.raised = 0 // another boot
			b.Forsake(errors.New("activate: no state can boot"))
		}
		if want := slices.Repeat(tt.want, 3); !slices.Equal(machine.calls, want) {
			t.Errorf("%q: got %v, want %v", tt.line, machine.calls, want)
		}
		if got := decode(t, []byte(testutil.Read(t, b.path("run/moss/boot.json")))); got.Reason != "activate: no state can boot" || got.Activated != nil {
			t.Errorf("%q: got %+v", tt.line, got)
		}
		if waits := strings.Contains(screen(t, b), "has restarted itself 3 times"); waits != (tt.want != nil) {
			t.Errorf("%q: got %q", tt.line, screen(t, b))
		}
	}
	b, machine := lost(t, "panic=4")
	b.mounted = nil
	if b.Forsake(errors.New("x")); len(machine.calls) > 0 {
		t.Errorf("got %v without a root to count on", machine.calls)
	}
}
