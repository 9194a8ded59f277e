package early

import (
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"moss/internal/cmdline"
)

// Fatal tells the console why the boot ends here and reboots the machine after
// ten seconds, or as panic= says: that many seconds, at once when negative,
// never when 0. It does not return.
func (b *Boot) Fatal(cause any) {
	b.console.Errorf("%v", cause)
	wait := panicSeconds(b.line)
	switch {
	case wait == 0:
		b.console.Errorf("no state was booted; stopped because of panic=0")
		for {
			time.Sleep(time.Hour)
		}
	case wait > 0:
		b.console.Errorf("no state was booted; reboot in %d s", wait)
		time.Sleep(time.Duration(wait) * time.Second)
	}
	unix.Sync()
	for {
		_ = unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART)
		time.Sleep(time.Second)
	}
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
