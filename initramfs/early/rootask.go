package early

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// unattended is how long the question for another root waits for the first key
// of an answer. A machine that nobody looks at then restarts, so that the loader
// can count the boot as failed and take another entry.
const unattended = deviceTimeout * time.Second

// ask lets a person name another root when the one of the command line is not to
// be had, in an image that has a shell. From the first key on nothing runs out.
// What was only late is still taken when it comes.
func (h *hunt) ask(cause error) (*blockDevice, error) { return h.askWithin(unattended, cause) }

func (h *hunt) askWithin(limit time.Duration, cause error) (*blockDevice, error) {
	b := h.boot
	tty := b.console.tty
	if tty == nil || b.shell() == nil {
		return nil, cause
	}
	defer b.asking()()
	if !h.late {
		h.want = nil // it would fail the same way at every event
	}
	b.console.Errorf("%v", cause)
	b.console.Errorf("type another root=, or: Enter for the devices, shell, reboot; without a line the machine restarts in %v", limit)
	deadline := time.Now().Add(limit)
	for {
		text, root, err := h.answer(tty, limit, deadline)
		if errors.Is(err, errNobody) {
			return nil, cause
		}
		if root != nil || err != nil {
			return root, err
		}
		limit = -1
		if root, err = h.obey(text); root != nil || errors.Is(err, errRestart) {
			return root, err
		}
		if err != nil {
			b.console.Errorf("%v", err)
		}
	}
}

var (
	errNobody  = errors.New("nobody answers")
	errRestart = errors.New("the machine does not restart")
)

// answer asks for a line and waits for it, and meanwhile for the device that is
// wanted. A negative limit has no end. The question comes when the terminal is
// ready: a quick hand would see its first keys twice.
func (h *hunt) answer(tty *os.File, limit time.Duration, deadline time.Time) (string, *blockDevice, error) {
	in := newTyping(tty)
	defer in.end()
	fmt.Fprint(tty, "root=")
	for {
		ms := -1
		if limit >= 0 && !in.begun {
			ms = int(max(time.Until(deadline), 0)/time.Millisecond) + 1
		}
		fds := []unix.PollFd{{Fd: int32(tty.Fd()), Events: unix.POLLIN}, {Fd: int32(h.boot.events.fd), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, ms)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return "", nil, err
		case n == 0:
			return "", nil, errNobody
		case fds[0].Revents != 0:
			if text, done, err := in.key(); done || err != nil {
				return text, nil, err
			}
			continue
		}
		if root, err := h.look(); root != nil {
			h.boot.console.Errorf("%s is there now", h.title)
			return "", root, nil
		} else if err != nil {
			h.want = nil
			h.boot.console.Errorf("%v", err)
		}
	}
}

// obey does what a line says.
func (h *hunt) obey(text string) (*blockDevice, error) {
	b := h.boot
	text = strings.TrimPrefix(text, "root=")
	switch text {
	case "shell":
		if _, err := b.runProgram(b.shell(), true); err != nil {
			return nil, err
		}
	case "reboot":
		return nil, errors.Join(errRestart, b.machinery().restart())
	case "":
	default:
		if err := h.aimAt(text); err != nil {
			return nil, err
		}
		h.byHand = true
	}
	root, err := h.look()
	if h.byHand && text != "" && text != "shell" && root == nil && err == nil && len(b.stuck) > 0 {
		clear(b.stuck) // it may be in what stayed shut
		root, err = h.look()
	}
	switch {
	case root != nil && text != "":
		b.console.Errorf("booting from %s; to keep this, put root=%s into a file of /etc/kernel/cmdline.d", *root, text)
	case root == nil && err == nil && h.want != nil && text != "":
		return nil, fmt.Errorf("%s is not there; it is taken when it comes\n%s", h.title, h.state())
	case root == nil && err == nil:
		return nil, errors.New(list(h.found))
	}
	return root, err
}
