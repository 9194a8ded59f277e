package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"unsafe"

	"golang.org/x/sys/unix"
)

// exitStatus is that of the program that was watched.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// trap is the moment at which the disk turns bad, and what happened up to it.
type trap struct {
	line             []byte // printed by the program, empty: from its start
	call             int    // the number of the call after it, 0: at the line itself
	name, disk, mode string

	armed, sprung bool
	calls         int
	at            string
}

// watch runs a program, each of whose calls that change a disk, and each line on
// its standard error, waits until it has been looked at here. So the program
// stands still, all that it did before is done, nothing after has begun, when the
// disk turns bad.
func watch(args []string) error {
	var t trap
	flags := flag.NewFlagSet("watch", flag.ContinueOnError)
	line := flags.String("line", "", "")
	flags.IntVar(&t.call, "call", 0, "")
	if err := flags.Parse(args); err != nil || flags.NArg() < 4 {
		return errors.Join(err, errors.New("usage:\n"+usage))
	}
	t.line, t.armed = []byte(*line), *line == ""
	t.name, t.disk, t.mode = flags.Arg(0), flags.Arg(1), flags.Arg(2)
	cmd := exec.Command("/proc/self/exe", append([]string{guardVerb}, flags.Args()[3:]...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	listener, err := startGuarded(cmd)
	if err != nil {
		return err
	}
	// Side by side: the listener ends when the last of the program's processes
	// is gone, and one that nobody has waited for is not.
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	err = t.serve(listener)
	waited := <-ended
	fmt.Printf("flakey: %d calls, %s at %q\n", t.calls, t.mode, t.at)
	var exit *exec.ExitError
	if errors.As(waited, &exit) && err == nil {
		return exitStatus(exit.ExitCode())
	}
	return errors.Join(err, waited)
}

// look is called for every call of the program before the kernel does it.
func (t *trap) look(n notice) error {
	if n.number == unix.SYS_WRITE {
		return t.read(n)
	}
	t.calls++
	if t.armed {
		t.call--
		if t.call == 0 {
			return t.spring(callName(n.number))
		}
	}
	return nil
}

func (t *trap) read(n notice) error {
	text := make([]byte, min(n.length, 4096))
	memory, err := os.Open(fmt.Sprintf("/proc/%d/mem", n.pid))
	if err != nil {
		return err
	}
	defer memory.Close()
	if _, err := memory.ReadAt(text, int64(n.buffer)); err != nil {
		return err
	}
	if t.armed || !bytes.Contains(text, t.line) {
		return nil
	}
	t.armed = true
	if t.call == 0 {
		return t.spring("the line")
	}
	return nil
}

func (t *trap) spring(at string) error {
	if t.sprung {
		return nil
	}
	t.sprung, t.at = true, at
	return set(t.name, t.disk, t.mode)
}

// notice is struct seccomp_notif as far as it is used.
type notice struct {
	id             uint64
	pid            uint32
	number         int
	buffer, length uint64
}

// serve answers each call with "go on" until no process is left to make one
// (seccomp_unotify(2)).
func (t *trap) serve(listener int) error {
	const (
		receive, send    = 0xc0502100, 0xc0182101
		goOn             = 1
		noticeSize, size = 80, 24
	)
	for {
		ready := []unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}}
		if _, err := unix.Poll(ready, -1); err == unix.EINTR {
			continue
		} else if err != nil {
			return err
		}
		if ready[0].Revents&unix.POLLIN == 0 {
			return nil // all of them have ended
		}
		b := make([]byte, noticeSize)
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(listener), receive, uintptr(unsafe.Pointer(&b[0]))); errno != 0 {
			continue // it was killed meanwhile
		}
		order := binary.NativeEndian
		n := notice{order.Uint64(b), order.Uint32(b[8:]), int(order.Uint32(b[16:])), order.Uint64(b[40:]), order.Uint64(b[48:])}
		err := t.look(n)
		answer := make([]byte, size)
		order.PutUint64(answer, n.id)
		order.PutUint32(answer[20:], goOn)
		_, _, _ = unix.Syscall(unix.SYS_IOCTL, uintptr(listener), send, uintptr(unsafe.Pointer(&answer[0])))
		if err != nil {
			return err
		}
	}
}
