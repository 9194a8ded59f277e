package early

import (
	"errors"
	"fmt"
	"os"
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
	status, err := b.runProgram(argv, true)
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
		"to look into the root: mount -o ro,noload (xfs and f2fs: ro,norecovery) /dev/... /sysroot, and unmount it before you leave",
		"ro alone replays the journal, which destroys the file system of a system that hibernates; reboot and poweroff need -f here",
		end,
	}
}

// bootsOn: a shell that ended with 0, for an entry that names a state.
func (b *Boot) bootsOn(status int) bool { return status == 0 && b.line.Has("moss.fstx") }

// restart writes out what the shell changed; it returns only on an error.
func (b *Boot) restart() {
	b.console.Errorf("moss.shell: restart")
	_ = b.machinery().restart()
}
