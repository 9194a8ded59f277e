//go:build faultinject

package fault

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Point acts when MOSS_FAULT is "name:kind". Kinds: error (returns one), one of the
// system's by its name (EXDEV, EROFS ...: what a disk or the kernel may say), panic,
// kill (SIGKILL to the own process, as the kernel's OOM killer would), hang
// (says so on the console and never returns, so that a harness can cut the
// power exactly here).
func Point(name string) error {
	want, kind, ok := strings.Cut(os.Getenv("MOSS_FAULT"), ":")
	if !ok || want != name {
		return nil
	}
	switch kind {
	case "error":
		return fmt.Errorf("fault at %s: injected", name)
	case "panic":
		panic("fault at " + name)
	case "kill":
		_ = unix.Kill(os.Getpid(), unix.SIGKILL)
	case "hang":
		hang(name)
	}
	for errno := unix.Errno(1); errno < 256; errno++ {
		if unix.ErrnoName(errno) == kind {
			return fmt.Errorf("fault at %s: %w", name, errno)
		}
	}
	return fmt.Errorf("fault at %s: unknown kind %q", name, kind)
}

func hang(name string) {
	line := "fault: hang at " + name + "\n"
	fmt.Fprint(os.Stderr, line)
	if console, err := os.OpenFile("/dev/console", os.O_WRONLY, 0); err == nil {
		fmt.Fprint(console, line)
	}
	// Not select{}: with no other goroutine the runtime would call that a
	// deadlock and exit, which in PID 1 is a kernel panic, not a hang.
	for {
		_, _ = unix.Ppoll(nil, nil, nil)
	}
}
