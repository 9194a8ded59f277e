package early

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"moss/internal/atomicfile"
	"moss/store/activate"
)

const (
	// watchdogSeconds is how long a state may take until its systemd looks after
	// the watchdog, and later between two signs of life.
	watchdogSeconds = 180
	// shortestWatchdog and longestWatchdog bound moss.watchdog=.
	shortestWatchdog, longestWatchdog = 20, 600
	// watchdogConf is what tells systemd to take the watchdog over. A file of this
	// name in /etc/systemd/system.conf.d goes before it (systemd-system.conf(5)).
	watchdogConf = "10-moss-watchdog.conf"
)

// armWatchdog is a step: a hardware watchdog is left running over the switch, so
// that a state which hangs afterwards becomes a failed start, and the loader's
// counting a fallback. Only a boot that is counted needs it, and only where systemd
// will look after it: a watchdog that nobody feeds restarts a machine that works.
// So whatever is in doubt leaves it alone.
func (b *Boot) armWatchdog() error {
	want, asked := b.watchdogWanted()
	if want == 0 {
		return nil
	}
	tell := b.console.debugf
	if asked {
		tell = b.console.warnf
	}
	if why := b.watchdogUseless(asked); why != "" {
		tell("the hardware watchdog is left alone: %s", why)
		return nil
	}
	took, err := b.leaveWatchdog(want)
	if err != nil {
		b.console.warnf("the hardware watchdog is left alone: %v", err)
		return nil
	}
	b.console.infof("the hardware watchdog restarts the machine if systemd does not take it over within %d s", took)
	return nil
}

// watchdogWanted is the time in seconds, 0 for none, and whether somebody asked
// for it.
func (b *Boot) watchdogWanted() (seconds int, asked bool) {
	text, ok := b.line.Last("moss.watchdog")
	if !ok {
		return watchdogSeconds, false
	}
	if text == "off" {
		return 0, true
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < shortestWatchdog || n > longestWatchdog {
		b.console.warnf("moss.watchdog=%s is not known (off, or %d to %d seconds); going on without the word", activate.Show(text), shortestWatchdog, longestWatchdog)
		return watchdogSeconds, false
	}
	return n, true
}

// watchdogUseless is why the watchdog must not run, the cheapest questions first:
// drivers that wait in the image are loaded last.
func (b *Boot) watchdogUseless(asked bool) string {
	if !b.mayHaveWatchdog() {
		return "there is none"
	}
	for _, word := range []string{"systemd.watchdog_sec", "systemd.watchdog_device"} {
		if b.line.Has(word) {
			return word + "= is systemd's own word for it"
		}
	}
	if value, _ := b.line.Last("panic"); value == "0" && !asked {
		return "panic=0 asks for no restart"
	}
	if name := b.initProgram(); path.Base(name) != "systemd" {
		return fmt.Sprintf("init is %s, and only systemd would look after it", name)
	}
	if name := b.watchdogConfigured(); name != "" {
		return name + " decides about it"
	}
	if !asked && !b.counted() {
		return "this start is not counted by the loader"
	}
	if b.loadWatchdog(); !b.hasWatchdog() {
		return "there is none"
	}
	return ""
}

func (b *Boot) watchdogNode() string { return b.path("dev/watchdog0") }

// counted tells whether the loader counts this start: systemd-boot and its like
// name the entry's file then (systemd-boot(7)).
func (b *Boot) counted() bool {
	dir, err := b.efiVars()
	if err != nil {
		return false
	}
	value, err := readVar(dir, "LoaderBootCountPath"+loaderVendor)
	return err == nil && len(value) > 2
}

// initProgram is the file that init is in the end, as the new root names it; "" if
// it cannot be found.
func (b *Boot) initProgram() string {
	named, _ := b.line.Last("init")
	init, err := b.states().Init(b.states().Usr(), named)
	if err != nil {
		return ""
	}
	f, err := openIn(b.Sysroot, init, unix.O_PATH)
	if err != nil {
		return ""
	}
	defer f.Close()
	name, _ := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
	if root, err := filepath.EvalSymlinks(b.Sysroot); err == nil {
		name = strings.TrimPrefix(name, root)
	}
	return name
}

// watchdogConfigured is the file with which the system's owner has decided about
// the watchdog, "" if there is none. It is not read for what it says: drop-ins
// override and mask each other, and a wrong guess would restart the machine for ever.
func (b *Boot) watchdogConfigured() string {
	if name := "/etc/systemd/system.conf.d/" + watchdogConf; lexists(b.Sysroot + name) {
		return name
	}
	for _, dir := range []string{"/etc/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd"} {
		names := []string{dir + "/system.conf"}
		drop, err := openIn(b.Sysroot, dir+"/system.conf.d", unix.O_DIRECTORY)
		if err == nil {
			files, _ := drop.Readdirnames(-1)
			_ = drop.Close()
			for _, name := range files {
				names = append(names, dir+"/system.conf.d/"+name)
			}
		}
		for _, name := range names {
			if saysWatchdog(b.Sysroot, name) {
				return name
			}
		}
	}
	return ""
}

func lexists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

// saysWatchdog tells whether a file of systemd's configuration speaks of the
// watchdog, in a line that is no comment. One that cannot be read may.
func saysWatchdog(root, name string) bool {
	f, err := openIn(root, name, 0)
	if err != nil {
		return !os.IsNotExist(err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 1<<20))
	if err != nil {
		return true
	}
	for line := range strings.Lines(string(text)) {
		key, _, _ := strings.Cut(strings.TrimSpace(line), "=")
		if strings.HasPrefix(key, "RuntimeWatchdog") || strings.HasPrefix(key, "WatchdogDevice") {
			return true
		}
	}
	return false
}

// openIn opens a file as the programs of the new root would: its links start at
// that root, not at ours (openat2(2), Linux 5.6).
func openIn(root, name string, flags uint64) (*os.File, error) {
	top, err := os.Open(root)
	if err != nil {
		return nil, err
	}
	defer top.Close()
	how := unix.OpenHow{Flags: flags | unix.O_CLOEXEC | unix.O_NONBLOCK, Resolve: unix.RESOLVE_IN_ROOT}
	if flags&unix.O_PATH != 0 {
		how.Flags &^= unix.O_NONBLOCK
	}
	fd, err := unix.Openat2(int(top.Fd()), name, &how)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}

// leaveWatchdog starts the watchdog, to be left running. The word for systemd is
// there before: opening the device may be past undoing (nowayout), and then systemd
// has to take it over whatever went wrong here.
func (b *Boot) leaveWatchdog(want int) (took int, err error) {
	conf := b.path("run/systemd/system.conf.d/" + watchdogConf)
	if err := os.MkdirAll(filepath.Dir(conf), 0o755); err != nil {
		return 0, err
	}
	if err := tellSystemd(conf, want); err != nil {
		return 0, err
	}
	dog, err := b.openWatchdog()
	if err != nil {
		return 0, errors.Join(err, os.Remove(conf))
	}
	if took, err = dog.prepare(want); err != nil {
		dog.stop()
		if b.unstoppable() {
			return 0, fmt.Errorf("%w; it cannot be stopped, so systemd looks after it", err)
		}
		return 0, errors.Join(err, os.Remove(conf))
	}
	if took != want {
		err = tellSystemd(conf, took)
	}
	b.dog = dog
	return took, err
}

// letWatchdogGo is for the moment before init runs: whatever fails until then may
// end with a person at a shell, who feeds no watchdog.
func (b *Boot) letWatchdogGo() {
	if b.dog != nil {
		b.withoutConsole(b.dog.leave)
		b.dog.left = true
	}
}

// calmWatchdog ends what armWatchdog began: this boot has come to its end, and a
// person may need hours to look at it. One that cannot be stopped is fed instead.
func (b *Boot) calmWatchdog() {
	dog := b.dog
	if dog == nil {
		return
	}
	b.dog = nil
	if dog.left {
		var err error
		if dog, err = b.openWatchdog(); err != nil {
			b.console.warnf("the hardware watchdog cannot be stopped: %v", err)
			return
		}
	}
	if b.unstoppable() {
		go dog.feed()
		return
	}
	dog.stop()
}

// unstoppable: the driver goes on whatever it is told.
func (b *Boot) unstoppable() bool {
	text, _ := os.ReadFile(b.path("sys/class/watchdog/watchdog0/nowayout"))
	return strings.TrimSpace(string(text)) == "1"
}

func tellSystemd(conf string, seconds int) error {
	return atomicfile.Write(conf, fmt.Appendf(nil, "# By moss-init, which left the watchdog running.\n[Manager]\nRuntimeWatchdogSec=%d\n", seconds), 0o644)
}

// withoutConsole keeps what the kernel says off the screen for a moment: that the
// watchdog goes on (watchdog_release) is a critical message to it, and what was
// meant here.
func (b *Boot) withoutConsole(do func()) {
	levels := b.path("proc/sys/kernel/printk")
	before, err := os.ReadFile(levels)
	if err == nil {
		_ = os.WriteFile(levels, []byte("2\n"), 0o644)
		defer func() { _ = os.WriteFile(levels, before, 0o644) }()
	}
	do()
}
