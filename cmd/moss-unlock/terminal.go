package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// terminal asks a person. From open to close what is typed does not appear,
// also while a passphrase is being tried. The kernel edits the line (backspace,
// Ctrl-U) before it gets here.
type terminal struct {
	in, out *os.File
	saved   *unix.Termios // nil: not a terminal
	signals chan os.Signal
	ended   chan struct{}
}

// openTerminal makes the terminal silent, and gives it back as it was when the
// program is told to end. Something that is not a terminal is read as it comes.
func openTerminal(in, out *os.File) (*terminal, error) {
	t := &terminal{in: in, out: out, signals: make(chan os.Signal, 1), ended: make(chan struct{})}
	// Stopped by Ctrl-Z, this program would hold up the boot for ever.
	signal.Ignore(unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU)
	saved, err := unix.IoctlGetTermios(int(in.Fd()), unix.TCGETS)
	if errors.Is(err, unix.ENOTTY) {
		return t, nil
	}
	if err != nil {
		return nil, fmt.Errorf("ask for terminal settings: %w", err)
	}
	t.saved = saved
	signal.Notify(t.signals, unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT)
	go t.watch()
	// What was typed before the question is not an answer to it.
	if err := unix.IoctlSetTermios(int(in.Fd()), unix.TCSETSF, silent(*saved)); err != nil {
		t.close()
		return nil, fmt.Errorf("make terminal silent: %w", err)
	}
	return t, nil
}

// silent is a line at a time, unseen, with the usual keys for its correction
// whatever was set before.
func silent(s unix.Termios) *unix.Termios {
	const none = 0 // _POSIX_VDISABLE of Linux
	s.Iflag |= unix.ICRNL | unix.IUTF8
	s.Iflag &^= unix.IXON | unix.IGNCR | unix.INLCR
	s.Lflag |= unix.ICANON | unix.ISIG
	s.Lflag &^= unix.ECHO | unix.ECHONL
	s.Cc[unix.VSUSP], s.Cc[unix.VKILL], s.Cc[unix.VEOF], s.Cc[unix.VINTR] = none, 'U'-'@', 'D'-'@', 'C'-'@'
	s.Cc[unix.VEOL], s.Cc[unix.VEOL2] = none, none
	if s.Cc[unix.VERASE] == none {
		s.Cc[unix.VERASE] = 0x7f
	}
	return &s
}

// watch ends the program by a signal, with the terminal as it was.
func (t *terminal) watch() {
	select {
	case <-t.ended:
	case got := <-t.signals:
		t.restore()
		fmt.Fprintf(t.out, "\nmoss-unlock: given up (%v)\n", got)
		os.Exit(failed)
	}
}

func (t *terminal) restore() {
	if t.saved != nil {
		_ = unix.IoctlSetTermios(int(t.in.Fd()), unix.TCSETS, t.saved)
	}
}

// close gives the terminal back. One that cannot be had back is gone, and no
// reason to keep the container locked.
func (t *terminal) close() {
	signal.Stop(t.signals)
	close(t.ended)
	t.restore()
}

// errNoAnswer is the end of the input: Ctrl-D, or nobody there.
var errNoAnswer = errors.New("no passphrase was typed")

// ask puts the question until something is typed, however long that takes. The
// caller clears the answer.
func (t *terminal) ask(question string) ([]byte, error) {
	for {
		answer, err := t.once(question)
		if err != nil || len(answer) > 0 {
			return answer, err
		}
	}
}

// once is ask for which an empty line is an answer.
func (t *terminal) once(question string) ([]byte, error) {
	fmt.Fprint(t.out, question)
	answer, err := t.line()
	if t.saved != nil {
		fmt.Fprintln(t.out) // the Enter that was not shown
	}
	return answer, err
}

// line reads up to the end of a line, byte by byte: nothing of it may stay in a
// buffer that nobody clears.
func (t *terminal) line() ([]byte, error) {
	line := make([]byte, 0, longest)
	for {
		var one [1]byte
		n, err := t.in.Read(one[:])
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case n == 0 && (err == nil || errors.Is(err, io.EOF)):
			if len(line) > 0 {
				return line, nil
			}
			return nil, errNoAnswer
		case err != nil:
			return nil, fmt.Errorf("read passphrase: %w", err)
		case one[0] == '\n':
			return line, nil
		case len(line) == longest:
			clear(line)
			return nil, fmt.Errorf("a passphrase has at most %d characters here", longest)
		}
		line = append(line, one[0])
	}
}

// longest is a line of the kernel's terminal (N_TTY_BUF_SIZE).
const longest = 4096
