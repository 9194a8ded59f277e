package early

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// programPath is where a program of the image looks for others.
const programPath = "PATH=/bin:/sbin:/usr/bin:/usr/sbin"

// loudest is how much of a program's output goes into the log, in bytes: a
// file system check of a broken disk writes millions.
const loudest = 16 << 10

// runProgram runs a program of the image and waits for its end, however long
// that takes. argv[0] is a path of the early system. The status is the exit
// code, 128 and more for a signal as in a shell; an error means that it did not
// run.
//
// With tty the program has the console for itself: it is its controlling
// terminal, so that Ctrl-C works, and nobody says meanwhile that this takes long,
// for a person is asked. Without, it reads nothing, and what it writes goes into the
// log at its end, each line after its name: as a note when the status is 0, and
// seen in any case otherwise.
//
// It has a session of its own either way, so that a hangup or Ctrl-C never
// reaches PID 1.
func (b *Boot) runProgram(argv []string, tty bool) (status int, err error) {
	if tty {
		return b.runOnConsole(argv)
	}
	null, err := os.OpenFile(b.path("dev/null"), os.O_RDONLY, 0)
	if err != nil {
		return 0, fmt.Errorf("run %s: %w", argv[0], err)
	}
	defer null.Close()
	fd, err := unix.MemfdCreate("output", unix.MFD_CLOEXEC)
	if err != nil {
		return 0, fmt.Errorf("run %s: %w", argv[0], err)
	}
	output := os.NewFile(uintptr(fd), "output")
	defer output.Close()
	status, err = b.start(argv, &syscall.SysProcAttr{Setsid: true}, null, output)
	b.logOutput(argv[0], output, status)
	return status, err
}

// runOnConsole: a console that cannot be a terminal, or is somebody's, does
// without Ctrl-C.
func (b *Boot) runOnConsole(argv []string) (int, error) {
	tty := b.console.tty
	if tty == nil {
		return 0, fmt.Errorf("run %s: there is no console", argv[0])
	}
	defer b.asking()()
	defer deaf()()
	status, err := b.start(argv, &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}, tty, tty)
	if errors.Is(err, unix.ENOTTY) || errors.Is(err, unix.EPERM) {
		return b.start(argv, &syscall.SysProcAttr{Setsid: true}, tty, tty)
	}
	return status, err
}

func (b *Boot) start(argv []string, sys *syscall.SysProcAttr, in, out *os.File) (int, error) {
	process, err := os.StartProcess(b.path(argv[0]), argv, &os.ProcAttr{
		Dir: b.Top, Files: []*os.File{in, out, out}, Sys: sys,
		Env: []string{programPath, "HOME=/", "TERM=linux", "PS1=(moss) # "},
	})
	if err != nil {
		return 0, fmt.Errorf("run %s: %w", argv[0], err)
	}
	state, err := process.Wait()
	if err != nil {
		return 0, fmt.Errorf("wait for %s: %w", argv[0], err)
	}
	reap()
	if how, ok := state.Sys().(syscall.WaitStatus); ok && how.Signaled() {
		return 128 + int(how.Signal()), nil
	}
	return state.ExitCode(), nil
}

func (b *Boot) logOutput(name string, output *os.File, status int) {
	text, err := io.ReadAll(io.NewSectionReader(output, 0, loudest))
	if err != nil || len(text) == 0 {
		return
	}
	tell := b.console.infof
	if status != 0 {
		tell = b.console.warnf
	}
	for line := range strings.Lines(string(text)) {
		tell("%s: %s", filepath.Base(name), strings.TrimSpace(line))
	}
}

// reap takes what a program left behind and has ended: PID 1 is its parent now.
func reap() {
	if os.Getpid() != 1 {
		return
	}
	for {
		if pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); pid <= 0 && !errors.Is(err, unix.EINTR) {
			return
		}
	}
}
