package early

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"moss/internal/cmdline"
)

// Fatal tells the console why the boot ends here. An image with a shell gives it;
// then the machine restarts after ten seconds, or as panic= says: that many
// seconds, at once when negative, never when 0. A root that could be mounted
// counts these restarts, and after three the machine waits for a person. Fatal
// does not return.
func (b *Boot) Fatal(cause any) {
	b.giveUp(cause)
	for {
		_ = b.machinery().restart()
		b.machinery().pause(time.Second)
	}
}

// Forsake is Fatal inside somebody else's initramfs, which has an end of its own for
// what cannot boot: it returns to that, with the report left for whoever looks. Only
// panic= restarts the machine from here, where that is counted; after three, or
// without a root to count on, it returns as well.
func (b *Boot) Forsake(cause error) {
	if b.report.Reason == "" {
		b.report.Reason = cause.Error()
	}
	b.saveReport()
	b.unset()
	wait := panicSeconds(b.line)
	if !b.line.Has("panic") || wait == 0 || b.mounted == nil {
		return
	}
	b.console.Errorf("%v", cause)
	if why := b.stays(cause); why != "" {
		b.console.Errorf("no state was booted; %s", why)
		return
	}
	b.console.Errorf("no state was booted; reboot in %d s", max(wait, 0))
	b.machinery().pause(time.Duration(max(wait, 0)) * time.Second)
	b.console.Errorf("restart: %v", b.machinery().restart())
}

// giveUp returns when the machine is to restart.
func (b *Boot) giveUp(cause any) {
	defer func() {
		if again := recover(); again != nil {
			b.console.Errorf("panic: %v", again)
			b.machinery().pause(rebootAfter * time.Second)
		}
	}()
	b.console.Errorf("%v", cause)
	b.calmWatchdog()
	b.lastShell()
	if why := b.stays(cause); why != "" {
		b.console.Errorf("no state was booted; %s. Press Enter to reboot, and choose another entry of the boot menu then", why)
		defer b.asking()()
		b.machinery().enter(b.console.tty)
		return
	}
	if wait := panicSeconds(b.line); wait > 0 {
		b.console.Errorf("no state was booted; reboot in %d s", wait)
		b.machinery().pause(time.Duration(wait) * time.Second)
	}
}

// stays is why the machine must not restart by itself. It counts a restart that
// may be.
func (b *Boot) stays(cause any) string {
	err, _ := cause.(error)
	_, stop := errors.AsType[*stopped](err)
	switch {
	case panicSeconds(b.line) == 0:
		return "stopped because of panic=0"
	case stop && !b.line.Has("panic"):
		return "stopped because of moss.fallback=off"
	case b.mounted == nil:
		return "" // there is nothing to count on
	}
	if err := b.raise(attempts{}); err != nil {
		return err.Error()
	}
	if err := b.mounted.restore(); err != nil {
		b.console.warnf("%v", err)
	}
	return ""
}

// lastShell: whoever built an image with a shell is to look at the machine; with
// panic= it is to look after itself.
func (b *Boot) lastShell() {
	argv := b.shell()
	if argv == nil || b.console.tty == nil || b.mounted == nil || b.line.Has("panic") {
		return
	}
	b.console.Errorf("a shell, because no state was booted: the root is at %s; exit restarts the machine", b.Sysroot)
	status, err := b.runProgram(argv, true)
	if err != nil {
		b.console.Errorf("shell: %v", err)
		return
	}
	b.console.Errorf("%s", fmt.Sprintf("the shell ended with %d", status))
}

// panicSeconds reads panic= as the kernel does, which knows no default of ours.
func panicSeconds(line cmdline.Line) int {
	value, _ := line.Last("panic")
	n, err := strconv.Atoi(value)
	if err != nil {
		return rebootAfter
	}
	return n
}
