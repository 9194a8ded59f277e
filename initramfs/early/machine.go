package early

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// platform is the machine as far as a fallback ends the boot on it. Tests put a
// recorder in its place.
type platform interface {
	// restart and jump end everything that runs; both return only on an error.
	// jump goes to the kernel that load took.
	restart() error
	jump() error
	// load takes a kernel, its images and its command line (kexec_file_load(2)).
	load(kernel, images *os.File, line string) error
	mount(source, dir, kind string, flags uintptr) error
	unmount(dir string) error
	pause(time.Duration)
	// enter waits until somebody presses Enter, for ever where nobody can.
	enter(tty *os.File)
}

// hardware is the real one.
type hardware struct{}

func (hardware) restart() error {
	unix.Sync()
	return unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART)
}

func (hardware) jump() error {
	unix.Sync()
	return unix.Reboot(unix.LINUX_REBOOT_CMD_KEXEC)
}

func (hardware) load(kernel, images *os.File, line string) error {
	if images == nil {
		return unix.KexecFileLoad(int(kernel.Fd()), -1, line, unix.KEXEC_FILE_NO_INITRAMFS)
	}
	return unix.KexecFileLoad(int(kernel.Fd()), int(images.Fd()), line, 0)
}

func (hardware) mount(source, dir, kind string, flags uintptr) error {
	return unix.Mount(source, dir, kind, flags, "")
}

func (hardware) unmount(dir string) error { return unix.Unmount(dir, unix.MNT_DETACH) }

func (hardware) pause(d time.Duration) { time.Sleep(d) }

// enter drops what was typed before the question. A console that gives an error
// or an end has nobody at it.
func (hardware) enter(tty *os.File) {
	if tty != nil {
		_ = unix.IoctlSetInt(int(tty.Fd()), unix.TCFLSH, unix.TCIFLUSH)
		one := make([]byte, 1)
		for {
			n, err := tty.Read(one)
			if n == 1 && (one[0] == '\n' || one[0] == '\r') {
				return
			}
			if n == 0 || err != nil {
				break
			}
		}
	}
	for {
		time.Sleep(time.Hour)
	}
}

// machinery is the platform of a boot.
func (b *Boot) machinery() platform {
	if b.platform == nil {
		return hardware{}
	}
	return b.platform
}
