package early

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Console is where messages go: into the kernel's log, from which the journal
// takes them after the switch, and onto the console. The kernel shows its log
// on the console by itself up to the level that loglevel= and quiet set; only
// what must be seen in any case and would not be is written there directly, so
// nothing appears twice. The zero value writes to standard error.
type Console struct {
	kmsg, tty *os.File
	shown     int // the kernel shows messages below this level itself
	debug     bool
	shared    bool // somebody else's, with a splash screen maybe

	mu   sync.Mutex // the watch over a step writes, too
	last time.Time  // when something was last told that must be seen
}

// Levels of syslog(2).
const (
	levelError   = 3
	levelWarning = 4
	levelInfo    = 6
)

// longestRecord fits the kernel's limit for one write to /dev/kmsg
// (LOG_LINE_MAX, 1024 less the prefix).
const longestRecord = 900

// Errorf is for what stops the boot or changed its outcome: always seen.
func (c *Console) Errorf(format string, args ...any) {
	c.write(levelError, true, fmt.Sprintf(format, args...))
}

func (c *Console) warnf(format string, args ...any) {
	c.write(levelWarning, !c.shared, fmt.Sprintf(format, args...))
}

func (c *Console) infof(format string, args ...any) {
	c.write(levelInfo, c.debug && !c.shared, fmt.Sprintf(format, args...))
}

// debugf is silent without moss.debug.
func (c *Console) debugf(format string, args ...any) {
	if c.debug {
		c.infof(format, args...)
	}
}

func (c *Console) write(level int, important bool, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if level < levelInfo {
		c.last = time.Now()
	}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if len(line) > longestRecord {
			line = line[:longestRecord]
		}
		c.record(level, important, line)
	}
}

// silence is how long nothing was told that must be seen.
func (c *Console) silence() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Since(c.last)
}

func (c *Console) record(level int, important bool, line string) {
	logged := false
	if c.kmsg != nil {
		const daemon = 3 << 3
		_, err := fmt.Fprintf(c.kmsg, "<%d>moss-init: %s\n", daemon|level, line)
		logged = err == nil
	}
	switch {
	case !important && level >= c.shown, logged && level < c.shown:
		return
	}
	tty := c.tty
	if tty == nil {
		tty = os.Stderr
	}
	fmt.Fprintf(tty, "moss-init: %s\n", line)
}

// openConsole opens both ways out. A machine without a console, or a kernel
// without /dev/kmsg, still boots.
func (b *Boot) openConsole() error {
	b.console.kmsg, _ = os.OpenFile(b.path("dev/kmsg"), os.O_WRONLY, 0)
	b.console.tty, _ = os.OpenFile(b.path("dev/console"), os.O_RDWR|unix.O_NOCTTY, 0)
	b.console.shown = consoleLevel(b.path("proc/sys/kernel/printk"))
	return nil
}

// shareConsole is openConsole inside somebody else's initramfs. A splash screen
// may run there, so that only what changed the outcome is written over it; the rest
// is for the log, which shows it unless the command line says quiet.
func (b *Boot) shareConsole() error {
	b.console.shared = true
	b.set("proc/sys/kernel/printk_devkmsg", "on\n")
	b.loadKeymap()
	return b.openConsole()
}

// takeConsole is openConsole for PID 1, which also needs standard input, output
// and error, for init if not for itself. What it has is the console of the
// initramfs, which will be deleted, or /dev/null, which the runtime puts there
// when the kernel found no console to open.
func (b *Boot) takeConsole() error {
	err := b.openConsole()
	// Without this the kernel drops what exceeds ten records in five seconds.
	b.set("proc/sys/kernel/printk_devkmsg", "on\n")
	std := b.console.tty
	if std == nil { // no console at all: at least a node that will not be deleted
		null, e := os.OpenFile(b.path("dev/null"), os.O_RDWR, 0)
		if e != nil {
			return errors.Join(err, e)
		}
		defer null.Close()
		std = null
	}
	for fd := range 3 {
		if replaceable(fd) {
			err = errors.Join(err, unix.Dup3(int(std.Fd()), fd, 0))
		}
	}
	return err
}

// replaceable tells whether a descriptor is closed, the null device (1:3) or
// some node of the console (5:1).
func replaceable(fd int) bool {
	var info unix.Stat_t
	if err := unix.Fstat(fd, &info); err != nil {
		return true
	}
	device := info.Mode&unix.S_IFMT == unix.S_IFCHR
	return device && (info.Rdev == unix.Mkdev(1, 3) || info.Rdev == unix.Mkdev(5, 1))
}

// consoleLevel reads the first number of /proc/sys/kernel/printk. Unreadable
// means 0: better twice than never.
func consoleLevel(path string) int {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	var level int
	if words := strings.Fields(string(text)); len(words) > 0 {
		level, _ = strconv.Atoi(words[0])
	}
	return level
}
