package early

import "golang.org/x/sys/unix"

// uptime is the machine's time since it was switched on, in milliseconds
// (CLOCK_BOOTTIME): the only clock that is right before anybody has set one.
func uptime() int64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return 0
	}
	return now.Nano() / 1e6
}
