package vm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"moss/internal/testutil/need"
)

// pipeConsole is a console whose guest is the test: it writes to the returned
// file.
func pipeConsole(t *testing.T) (*Console, *os.File, *bytes.Buffer) {
	t.Helper()
	r, w, err := os.Pipe()
	must(t, err)
	t.Cleanup(func() { _, _ = r.Close(), w.Close() })
	var log bytes.Buffer
	c, err := NewConsole("pipe", io.Discard, r, &log)
	must(t, err)
	return c, w, &log
}

func TestTextIsWithoutSequences(t *testing.T) {
	c, guest, log := pipeConsole(t)
	raw := "\x1b[0m[\x1b[0;32m  OK  \x1b[0m] Started \x1b]0;title\x07\x1b(Bgr\xc3\xbc\xc3\x9f\r\n\x1b[3;1Hmenu\x1b[4;1Hend\x1b[6n."
	for _, b := range []byte(raw) { // cut in every place
		_, err := guest.Write([]byte{b})
		must(t, err)
	}
	must(t, guest.Close())
	must(t, c.Expect("end.", limit))
	if got, want := c.Text(), "[  OK  ] Started grüß\nmenu\nend."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	c.Lock()
	defer c.Unlock()
	if log.String() != raw {
		t.Errorf("log: got %q, want every byte as it came", log)
	}
}

func TestExpectConsumesInOrder(t *testing.T) {
	c, guest, _ := pipeConsole(t)
	fmt.Fprint(guest, "one two one")
	must(t, c.Expect("two", limit))
	must(t, c.Expect("one", limit))
	if err := c.Expect("one", time.Millisecond); !errors.Is(err, errLimit) {
		t.Errorf("got %v, want a timeout: all is consumed", err)
	}
	go fmt.Fprint(guest, " and la", "ter")
	must(t, c.Expect("later", limit))
}

func TestErrorShowsTheLastLines(t *testing.T) {
	c, guest, _ := pipeConsole(t)
	for i := range 100 {
		fmt.Fprintf(guest, "line %d\r\n\r\n", i)
	}
	must(t, guest.Close())
	err := c.Expect("absent", limit)
	if err == nil || !strings.Contains(err.Error(), "line 99") || !strings.Contains(err.Error(), "line 70") || strings.Contains(err.Error(), "line 69\n") {
		t.Errorf("got %v, want the last thirty lines", err)
	}
}

// shell is a real bash on a pseudo terminal, as it is at a serial line.
func shell(t *testing.T) *Console {
	t.Helper()
	path := need.Program(t, "bash")
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	must(t, err)
	conn, err := master.SyscallConn()
	must(t, err)
	var number int
	must(t, conn.Control(func(fd uintptr) {
		number, err = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		err = errors.Join(err, unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0))
	}))
	must(t, err)
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR, 0)
	must(t, err)
	cmd := exec.Command(path, "--norc", "-i")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TERM=vt220", "PS1=# ", "HISTFILE="}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	must(t, cmd.Start())
	must(t, slave.Close())
	c, err := NewConsole("shell", master, master, io.Discard)
	must(t, err)
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_, _ = cmd.Wait(), master.Close()
	})
	return c
}

func TestRunReturnsOutputAndStatus(t *testing.T) {
	c := shell(t)
	must(t, c.Expect("# ", limit))
	for _, test := range []struct {
		command, output string
		status          int
	}{
		{"true", "", 0},
		{"echo hello", "hello\n", 0},
		{"printf 'no newline'", "no newline", 0},
		{"printf '\\n\\nblank\\n\\n'", "\n\nblank\n\n", 0},
		{"echo \"it's\" '!'; (exit 42)", "it's !\n", 42},
		{"echo one\necho two", "one\ntwo\n", 0},
		{"sleep 0 & wait", "", 0},
		{"for i in 1 2; do echo " + strings.Repeat("long ", 60) + "; done", strings.Repeat(strings.Repeat("long ", 59)+"long\n", 2), 0},
		{"echo mark-begin mark-end 0", "mark-begin mark-end 0\n", 0},
		{"sh -c 'exit 137'", "", 137},
	} {
		output, status, err := c.Run(test.command, limit)
		// Job control prints a line of its own for a background job.
		if strings.Contains(test.command, "&") {
			output = ""
		}
		if err != nil || output != test.output || status != test.status {
			t.Errorf("%q: got %q, %d, %v, want %q, %d", test.command, output, status, err, test.output, test.status)
		}
	}
	if _, status, err := c.Run("if", limit); err != nil || status == 0 {
		t.Errorf("syntax error: got %d, %v, want a status", status, err)
	}
	if _, _, err := c.Run("exit 0", limit); err == nil || errors.Is(err, errLimit) {
		t.Errorf("shell that ends: got %v, want an error at once", err)
	}
}
