package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"moss/internal/testutil/need"
)

const asProgram = "MOSS_UNLOCK_TEST"

// TestMain lets the test program be moss-unlock itself.
func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// session is moss-unlock at a terminal of its own.
type session struct {
	t      *testing.T
	master *os.File
	node   string
	cmd    *exec.Cmd
	said   bytes.Buffer // and not yet expected
	all    bytes.Buffer
}

func startUnlock(t *testing.T, args ...string) *session {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	s := &session{t: t, master: master, node: fmt.Sprintf("/dev/pts/%d", number)}
	slave, err := os.OpenFile(s.node, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { slave.Close() }) // else the terminal ends with the program
	s.cmd = exec.CommandContext(t.Context(), os.Args[0], args...)
	s.cmd.Env = append(os.Environ(), asProgram+"=1")
	s.cmd.Stdin, s.cmd.Stdout, s.cmd.Stderr = slave, slave, slave
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return s
}

// expect reads until a text is there, and forgets what was before it.
func (s *session) expect(text string) {
	s.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		if _, rest, ok := strings.Cut(s.said.String(), text); ok {
			s.said.Reset()
			s.said.WriteString(rest)
			return
		}
		fds := []unix.PollFd{{Fd: int32(s.master.Fd()), Events: unix.POLLIN}}
		left := time.Until(deadline)
		if n, err := unix.Poll(fds, int(left.Milliseconds())); left <= 0 || n == 0 && err == nil {
			s.t.Fatalf("waited for %q; it said %q", text, s.said.String())
		}
		buf := make([]byte, 4096)
		n, err := s.master.Read(buf)
		if err != nil {
			s.t.Fatalf("waited for %q; it said %q: %v", text, s.said.String(), err)
		}
		s.said.Write(buf[:n])
		s.all.Write(buf[:n])
	}
}

func (s *session) types(text string) {
	s.t.Helper()
	if _, err := s.master.WriteString(text); err != nil {
		s.t.Fatal(err)
	}
}

// ends waits for the program and checks its status and the terminal.
func (s *session) ends(status int) {
	s.t.Helper()
	_ = s.cmd.Wait()
	if got := s.cmd.ProcessState.ExitCode(); got != status {
		s.t.Errorf("it ended with %d, want %d: %q", got, status, s.said.String())
	}
	settings, err := unix.IoctlGetTermios(int(s.master.Fd()), unix.TCGETS)
	if err != nil {
		s.t.Fatal(err)
	}
	if settings.Lflag&unix.ECHO == 0 || settings.Iflag&unix.IXON == 0 || settings.Cc[unix.VSUSP] == 0 {
		s.t.Error("the terminal is not as it was")
	}
}

// container makes one with the passphrase "secret" in a file.
func container(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 17<<20); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(need.Program(t, "cryptsetup"), "luksFormat", "-q", "--type", "luks2", "--label", "box",
		"--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", path, "-")
	cmd.Stdin = strings.NewReader("secret")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}
