package early

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// deaf keeps signals from ending this program while somebody has the console:
// reboot without -f, as busybox has it, sends SIGTERM to PID 1, the runtime would
// exit, and the end of PID 1 is a kernel panic. Programs that are started meanwhile
// get the default again (runtime.clearSignalHandlers), and so must init.
//
// Package os/signal would do more, for 28 kB.
func deaf() (end func()) {
	type action struct{ handler, flags, restorer, mask uintptr } // struct kernel_sigaction
	const size = 8                                               // of a sigset_t of the kernel's
	signals := []unix.Signal{unix.SIGTERM, unix.SIGINT, unix.SIGHUP}
	before, ignore := make([]action, len(signals)), action{handler: 1} // SIG_IGN
	for i, s := range signals {
		unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(s), uintptr(unsafe.Pointer(&ignore)), uintptr(unsafe.Pointer(&before[i])), size, 0, 0)
	}
	return func() {
		for i, s := range signals {
			unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(s), uintptr(unsafe.Pointer(&before[i])), 0, size, 0, 0)
		}
	}
}
