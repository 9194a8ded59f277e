package early

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"moss/internal/testutil"
)

// person is the other end of the console of a machine whose image has a shell.
type person struct {
	t    *testing.T
	tty  *os.File
	seen strings.Builder
}

func atConsole(t *testing.T, b *Boot) *person {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	b.console.tty = os.NewFile(uintptr(fds[0]), "console")
	p := &person{t: t, tty: os.NewFile(uintptr(fds[1]), "person")}
	t.Cleanup(func() { _ = b.console.tty.Close(); _ = p.tty.Close() })
	testutil.Tree{"bin/sh": "0755:#!/bin/sh\necho a shell of the image\n", "dev/null": ""}.Create(t, b.Top)
	return p
}

// sees reads the screen until the text is on it.
func (p *person) sees(text string) {
	p.t.Helper()
	buf := make([]byte, 4096)
	for !strings.Contains(p.seen.String(), text) {
		fds := []unix.PollFd{{Fd: int32(p.tty.Fd()), Events: unix.POLLIN}}
		if n, err := unix.Poll(fds, 60_000); n == 0 && err == nil {
			p.t.Fatalf("nothing more comes; want %q on the screen:\n%q", text, p.seen.String())
		}
		n, err := p.tty.Read(buf)
		if err != nil {
			p.t.Errorf("%v; want %q on the screen:\n%s", err, text, p.seen.String())
			return
		}
		p.seen.Write(buf[:n])
	}
	_, rest, _ := strings.Cut(p.seen.String(), text)
	p.seen.Reset()
	p.seen.WriteString(rest)
}

func (p *person) types(text string) {
	p.t.Helper()
	if _, err := p.tty.WriteString(text + "\n"); err != nil {
		p.t.Error(err)
	}
}

func findIn(b *Boot) chan error {
	done := make(chan error, 1)
	go func() { done <- b.findWithin(tick) }()
	return done
}

const prompt = "\nroot="

// A wrong root= is told with what there is, and the right one can be typed in, as
// often as it takes.
func TestTypeAnotherRoot(t *testing.T) {
	b := machine(t, "root=LABEL=wrong")
	plug(t, b.Top, "vda", ext4("right"))
	p := atConsole(t, b)
	done := findIn(b)
	p.sees("root=LABEL=wrong did not appear within 20ms\nmoss-init: devices found:\nmoss-init:   /dev/vda ext4 UUID=" + someUUID + " LABEL=right")
	p.sees("without a line the machine restarts in 1m30s" + prompt)
	p.types("LABEL=rihgt")
	p.sees("root=LABEL=rihgt is not there; it is taken when it comes\nmoss-init: devices found:")
	p.sees(prompt)
	p.types("nonsense")
	p.sees("root=nonsense is none of UUID=")
	p.sees(prompt)
	p.types("zfs:pool")
	p.sees("ZFS pool")
	p.sees(prompt)
	p.types("")
	p.sees("devices found:")
	p.sees(prompt)
	p.types("shell")
	p.sees("a shell of the image")
	p.sees(prompt)
	p.types("root=LABEL=right")
	if err := <-done; err != nil || b.root == nil || b.root.Name != "vda" {
		t.Errorf("got %v, %v, want vda", b.root, err)
	}
	p.sees("to keep this, put root=LABEL=right into a file of /etc/kernel/cmdline.d")
}

// What was only late is taken without a word of the person.
func TestLateDeviceEndsTheQuestion(t *testing.T) {
	b := machine(t, "root=LABEL=late")
	p := atConsole(t, b)
	done := findIn(b)
	p.sees(prompt)
	plug(t, b.Top, "vdb", ext4("late"))
	trigger(t)
	if err := <-done; err != nil || b.root == nil || b.root.Name != "vdb" {
		t.Errorf("got %v, %v, want vdb", b.root, err)
	}
}

// Two equal labels are the person's choice; no event makes it meanwhile.
func TestChooseOneOfTwo(t *testing.T) {
	b := machine(t, "root=LABEL=twin")
	plug(t, b.Top, "vda", ext4("twin"))
	plug(t, b.Top, "vdb", ext4("twin"))
	p := atConsole(t, b)
	done := findIn(b)
	p.sees("is the name of two devices")
	p.sees(prompt)
	trigger(t)
	p.types("/dev/vdb")
	if err := <-done; err != nil || b.root == nil || b.root.Name != "vdb" {
		t.Errorf("got %v, %v, want vdb", b.root, err)
	}
}

// Nobody is asked where the image has no shell or the console has gone, and
// nobody who is away keeps the machine from its next try.
func TestNobodyAtTheConsole(t *testing.T) {
	b := machine(t, "root=LABEL=wrong")
	if err := b.findWithin(tick); err == nil || strings.Contains(screen(t, b), "type another") {
		t.Errorf("without a shell: got %v, %q", err, screen(t, b))
	}
	b = machine(t, "root=LABEL=wrong")
	p := atConsole(t, b)
	done := findIn(b)
	p.sees(prompt)
	if err := p.tty.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err == nil || !strings.Contains(err.Error(), "root=LABEL=wrong did not appear") {
		t.Errorf("got %v", err)
	}
	b = machine(t, "")
	_ = atConsole(t, b)
	h := b.newHunt(nil, "", time.Second)
	if _, _, err := h.answer(b.console.tty, time.Millisecond, time.Now()); err != errNobody {
		t.Errorf("got %v, want nobody", err)
	}
}

// The first line ends all hurry: the second may come at any time.
func TestAnswersTakeTheirTime(t *testing.T) {
	b := machine(t, "")
	plug(t, b.Top, "vda", ext4("right"))
	p := atConsole(t, b)
	p.types("LABEL=rihgt")
	h := b.newHunt(nil, "", tick)
	done := make(chan error, 1)
	go func() {
		root, err := h.askWithin(0, errors.New("no root"))
		if err == nil && root.Name != "vda" {
			t.Errorf("got %v", root)
		}
		done <- err
	}()
	p.sees("is not there; it is taken when it comes")
	p.sees(prompt)
	select { // with a limit of 0 the question would be over by now
	case err := <-done:
		t.Fatalf("got %v before the second line", err)
	case <-time.After(5 * tick):
	}
	p.types("LABEL=right")
	if err := <-done; err != nil {
		t.Error(err)
	}
}
