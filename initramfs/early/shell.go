package early

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// rescueShell is a step: with moss.shell on the command line a person gets a
// shell on the console, with the devices there and before the root is mounted.
// What happens after it is the entry's: one with a state boots on when the shell
// ends with 0, one without has nothing to boot and restarts the machine.
//
// An image without a shell goes on: a machine that can boot is worth more than an
// answer to the word.
func (b *Boot) rescueShell() error {
	if !b.line.Has("moss.shell") {
		return nil
	}
	argv := b.shell()
	if argv == nil {
		b.console.Errorf("moss.shell: this image holds no shell (moss-boot initramfs build --rescue puts one in); going on")
		return nil
	}
	for _, line := range b.shellWelcome() {
		b.console.Errorf("%s", line)
	}
	status, err := b.runShell(argv)
	if err != nil {
		b.console.Errorf("moss.shell: %v; going on", err)
		return nil
	}
	if b.bootsOn(status) {
		return nil
	}
	b.restart()
	return errors.New("the machine does not restart")
}

// shell is the program and its arguments, nil when the image has none.
func (b *Boot) shell() []string {
	for _, argv := range [][]string{{"/bin/sh"}, {"/usr/bin/sh"}, {"/bin/busybox", "sh"}, {"/usr/bin/busybox", "sh"}} {
		info, err := os.Stat(b.path(argv[0]))
		if err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return argv
		}
	}
	return nil
}

func (b *Boot) shellWelcome() []string {
	end := "exit: restart the machine"
	if state, ok := b.line.Last("moss.fstx"); ok {
		end = fmt.Sprintf("exit: go on and boot state %s; exit 1: restart the machine", state)
	}
	return []string{
		"moss.shell: a shell before the root is mounted; busybox --list names its commands, disks are below /dev",
		"to look into the root: mount -o ro /dev/... /sysroot, and unmount it before you leave",
		end,
	}
}

// bootsOn: a shell that ended with 0, for an entry that names a state.
func (b *Boot) bootsOn(status int) bool { return status == 0 && b.line.Has("moss.fstx") }

// runShell starts the shell in a session of its own, with the console as its
// terminal so that Ctrl-C works, and waits for its end. A console that cannot be a
// terminal, or is somebody's, does without.
func (b *Boot) runShell(argv []string) (status int, err error) {
	tty := b.console.tty
	if tty == nil {
		return 0, errors.New("there is no console")
	}
	attr := &os.ProcAttr{
		Dir: b.Top, Files: []*os.File{tty, tty, tty},
		Env: []string{"PATH=/bin:/sbin:/usr/bin:/usr/sbin", "HOME=/", "TERM=linux", "PS1=(moss) # "},
		Sys: &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0},
	}
	process, err := os.StartProcess(b.path(argv[0]), argv, attr)
	if err != nil {
		attr.Sys.Setctty = false
		if process, err = os.StartProcess(b.path(argv[0]), argv, attr); err != nil {
			return 0, err
		}
	}
	state, err := process.Wait()
	if err != nil {
		return 0, err
	}
	reap()
	return state.ExitCode(), nil
}

// reap takes what the shell left behind and has ended: PID 1 is its parent now.
func reap() {
	if os.Getpid() != 1 {
		return
	}
	for {
		if pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); pid <= 0 && !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// restart writes out what the shell changed; it returns only on an error.
func (b *Boot) restart() {
	b.console.Errorf("moss.shell: restart")
	unix.Sync()
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART)
}
