package image

import (
	"fmt"
	"os"
	"path/filepath"
)

// applets are the commands of busybox that get a name of their own, so that a
// shell without built-in applets finds them. A build that lacks one says so.
func applets() []string {
	return []string{"sh", "ash", "awk", "blkid", "cat", "chmod", "chroot", "clear", "cp", "date", "dd", "df", "dmesg", "du", "echo", "env", "fdisk", "find",
		"free", "grep", "gunzip", "head", "hexdump", "id", "insmod", "ip", "kill", "less", "ln", "ls", "lsmod", "lspci", "mkdir", "mknod", "modprobe", "more",
		"mount", "mv", "poweroff", "ps", "pwd", "readlink", "reboot", "rm", "rmdir", "rmmod", "sed", "sleep", "sort", "stat", "sync", "tail", "tar", "test",
		"top", "touch", "tr", "umount", "uname", "vi", "wc", "which", "xxd", "zcat"}
}

// addRescue puts a shell into the image.
func (p *plan) addRescue() error {
	if !p.cfg.Rescue {
		return nil
	}
	busybox := p.cfg.Busybox
	if busybox == "" {
		busybox = filepath.Join(p.cfg.Usr, "bin/busybox")
	}
	err := p.addShell(busybox)
	for _, name := range applets() {
		p.add(entry{name: "bin/" + name, mode: modeLink | 0o777, target: "busybox"})
	}
	return err
}

// addShell takes a static busybox from anywhere. A dynamic one must be of the
// system, whose libraries come with it.
func (p *plan) addShell(busybox string) error {
	data, static, err := readProgram("busybox", busybox)
	if err != nil {
		return err
	}
	if static {
		p.add(file("bin/busybox", 0o755, data))
		return nil
	}
	const there = "/usr/bin/busybox"
	if at, err := p.system.Locate(p.cfg.Usr, there); err != nil || !sameFile(at, busybox) {
		return fmt.Errorf("busybox %s is linked dynamically, and only the system's own %s can bring its libraries: install the static build (busybox-static)", busybox, there)
	}
	if err := p.addProgram(there, "/usr/bin/busybox"); err != nil {
		return fmt.Errorf("take busybox into the image: %w", err)
	}
	p.link("bin/busybox", "../usr/bin/busybox")
	return nil
}

func sameFile(a, b string) bool {
	one, errA := os.Stat(a)
	other, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(one, other)
}
