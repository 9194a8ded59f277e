package early

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"moss/internal/cmdline"
)

const (
	// rebootAfter is how long the cause of a fatal error stays readable, in
	// seconds, unless panic= says otherwise.
	rebootAfter = 10
	// deviceTimeout is how long to wait for the root device, in seconds, unless
	// moss.timeout= says otherwise.
	deviceTimeout = 90
)

func (b *Boot) readCommandLine() error {
	text, err := os.ReadFile(b.path("proc/cmdline"))
	if err != nil {
		return err
	}
	b.line = cmdline.Parse(string(text))
	b.console.debug = b.line.Has("moss.debug")
	b.kernel, err = runningKernel()
	b.report.Kernel = b.kernel
	return err
}

func runningKernel() (string, error) {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return "", fmt.Errorf("ask for the kernel version: %w", err)
	}
	version, _, _ := bytes.Cut(name.Release[:], []byte{0})
	return string(version), nil
}

// seconds is a whole number from the command line, at least low.
func seconds(line cmdline.Line, key string, low, otherwise int) int {
	value, ok := line.Last(key)
	n, err := strconv.Atoi(value)
	if !ok || err != nil || n < low {
		return otherwise
	}
	return n
}

// patience is how long to wait for the root device; 0 is for ever, which is
// what rootwait asks of the kernel; rootwait= has seconds, since Linux 6.5.
// rootdelay= never shortens it.
func patience(line cmdline.Line) time.Duration {
	if value, ok := line.Last("rootwait"); ok && value == "" && !line.Has("moss.timeout") {
		return 0
	}
	n := max(seconds(line, "moss.timeout", 1, seconds(line, "rootwait", 1, deviceTimeout)), seconds(line, "rootdelay", 0, 0))
	return time.Duration(n) * time.Second
}

// blacklist is the modules that modprobe.blacklist= names, as modprobe.d(5).
func blacklist(line cmdline.Line) []string {
	var names []string
	for _, list := range line.All("modprobe.blacklist") {
		names = append(names, strings.Split(list, ",")...)
	}
	return names
}
