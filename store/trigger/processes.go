package trigger

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// limitProcesses makes the kernel refuse a fork beyond the limit, where it can:
// since Linux 6.14 pid_max belongs to a pid namespace. Before that it is the
// whole machine's and must not be touched. RLIMIT_NPROC is no help, it does not
// hold for root (copy_process in kernel/fork.c). The watchdog holds everywhere.
func limitProcesses(root string, limit int) error {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return err
	}
	if !atLeast(unix.ByteSliceToString(name.Release[:]), 6, 14) {
		return nil
	}
	// The numbers below 300 are not used again once they were (RESERVED_PIDS).
	return os.WriteFile(filepath.Join(root, "proc/sys/kernel/pid_max"), []byte(strconv.Itoa(limit+300)), 0)
}

func atLeast(release string, major, minor int) bool {
	var a, b int
	if _, err := fmt.Sscanf(release, "%d.%d", &a, &b); err != nil {
		return false
	}
	return a > major || a == major && b >= minor
}

// watchdog counts the processes of the sandbox and ends them all when they are
// too many. A bomb gains at most what it can fork between two looks.
type watchdog struct {
	limit  int
	barked atomic.Bool
}

const lookEvery = 50 * time.Millisecond

func (w *watchdog) run() {
	for range time.Tick(lookEvery) {
		dir, err := os.Open("/proc")
		if err != nil {
			continue
		}
		names, _ := dir.Readdirnames(-1)
		dir.Close()
		count := 0
		for _, name := range names {
			if name[0] >= '0' && name[0] <= '9' {
				count++
			}
		}
		if count > w.limit {
			w.barked.Store(true)
			_ = unix.Kill(-1, unix.SIGKILL)
		}
	}
}

// killRest ends whatever a command left behind and waits for it. The kernel
// spares the caller, which is process 1.
func killRest() {
	for {
		_ = unix.Kill(-1, unix.SIGKILL)
		if _, _, err := reap(); err != nil {
			return
		}
	}
}

// reap waits for any process of the sandbox.
func reap() (pid int, status unix.WaitStatus, err error) {
	for {
		pid, err = unix.Wait4(-1, &status, 0, nil)
		if !errors.Is(err, unix.EINTR) {
			return pid, status, err
		}
	}
}

// environ is all that commands see of an environment.
func environ() []string {
	return []string{"PATH=" + strings.Join(searchPath(), ":"), "LANG=C.UTF-8", "HOME=/", "USER=root", "LOGNAME=root", "SHELL=/bin/sh"}
}

func searchPath() []string { return []string{"/usr/sbin", "/usr/bin", "/sbin", "/bin"} }

// carryOut runs a command in the sandbox and waits for it. Orphans that end
// meanwhile are waited for too, as process 1 must.
func (c Command) carryOut() error {
	if len(c.Run) == 0 {
		return remove(c.Delete)
	}
	program, err := find(c.Run[0])
	if err != nil {
		return err
	}
	null, err := os.Open("/dev/null")
	if err != nil {
		return err
	}
	defer null.Close()
	pid, err := syscall.ForkExec(program, c.Run, &syscall.ProcAttr{Dir: "/", Env: environ(),
		Files: []uintptr{null.Fd(), 1, 2}, Sys: &syscall.SysProcAttr{Setsid: true}})
	if err != nil {
		return fmt.Errorf("start it: %w", err)
	}
	for {
		got, status, err := reap()
		if err != nil {
			return fmt.Errorf("wait for it: %w", err)
		}
		if got == pid {
			return judge(status)
		}
	}
}

func judge(status unix.WaitStatus) error {
	switch {
	case status.Signaled():
		return fmt.Errorf("killed by signal %d (%v)", int(status.Signal()), status.Signal())
	case status.ExitStatus() != 0:
		return fmt.Errorf("exit status %d", status.ExitStatus())
	}
	return nil
}

func find(name string) (string, error) {
	if strings.Contains(name, "/") {
		if _, err := os.Stat(name); err != nil {
			return "", errors.New("there is no such program")
		}
		return name, nil
	}
	for _, dir := range searchPath() {
		full := filepath.Join(dir, name)
		if info, err := os.Stat(full); err == nil && !info.IsDir() && info.Mode()&0o111 != 0 {
			return full, nil
		}
	}
	return "", errors.New("there is no such program")
}

// remove takes paths away, folders with all that is in them. What is not there
// is what was wanted.
func remove(paths []string) error {
	for _, path := range paths {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	return nil
}
