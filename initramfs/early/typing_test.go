package early

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"moss/internal/testutil"
	"moss/internal/testutil/need"
)

// terminal is a real one, and the side of the person.
func terminal(t *testing.T) (master, tty *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		need.Machine(t, "pseudo-terminals: %v", err)
	}
	t.Cleanup(func() { _ = master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tty.Close() })
	return master, tty
}

// What is echoed and corrected is what a terminal would, and it is left as it was.
func TestTypingAtATerminal(t *testing.T) {
	master, tty := terminal(t)
	b := machine(t, "")
	plug(t, b.Top, "vda", ext4("right"))
	testutil.Tree{"bin/sh": "0755:#!/bin/sh\n"}.Create(t, b.Top)
	b.console.tty = tty
	before, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	p := &person{t: t, tty: master}
	h := b.newHunt(nil, "", tick)
	done := make(chan error, 1)
	go func() {
		root, err := h.askWithin(time.Minute, errors.New("no root"))
		if err == nil && root.Name != "vda" {
			t.Errorf("got %v", root)
		}
		done <- err
	}()
	p.sees("\r\nroot=")
	for _, text := range []string{"LABEL=rigt", "\x7f", "ht", "x", "\b"} {
		if _, err := master.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	p.sees("LABEL=rigt\b \bhtx\b \b")
	p.types("")
	if err := <-done; err != nil {
		t.Error(err)
	}
	after, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil || *after != *before {
		t.Errorf("the terminal was left as %+v, %v; want %+v", after, err, before)
	}
}

// The first key ends the hurry, not the first line: nobody is cut off who types.
func TestFirstKeyStopsTheClock(t *testing.T) {
	master, tty := terminal(t)
	h := machine(t, "").newHunt(nil, "", tick)
	type answer struct {
		text string
		err  error
	}
	answers := make(chan answer, 1)
	if _, err := master.WriteString("a"); err != nil { // there before the time is over
		t.Fatal(err)
	}
	go func() {
		text, _, err := h.answer(tty, 0, time.Now().Add(tick))
		answers <- answer{text, err}
	}()
	select {
	case got := <-answers:
		t.Fatalf("got %v while a line was typed", got)
	case <-time.After(5 * tick):
	}
	if _, err := master.WriteString("b\x15cd\r"); err != nil {
		t.Fatal(err)
	}
	if got := <-answers; got.text != "cd" || got.err != nil {
		t.Errorf("got %q, %v", got.text, got.err)
	}
}
