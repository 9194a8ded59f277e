package image

// applets are the commands of busybox that get a name of their own, so that a
// shell without built-in applets finds them. A build that lacks one says so.
func applets() []string {
	return []string{"sh", "ash", "awk", "blkid", "cat", "chmod", "chroot", "clear", "cp", "date", "dd", "df", "dmesg", "du", "echo", "env", "fdisk", "find",
		"free", "grep", "gunzip", "head", "hexdump", "id", "insmod", "ip", "kill", "less", "ln", "ls", "lsmod", "lspci", "mkdir", "mknod", "modprobe", "more",
		"mount", "mv", "poweroff", "ps", "pwd", "readlink", "reboot", "rm", "rmdir", "rmmod", "sed", "sleep", "sort", "stat", "sync", "tail", "tar", "test",
		"top", "touch", "tr", "umount", "uname", "vi", "wc", "which", "xxd", "zcat"}
}

// addRescue puts a shell into the image. It must be static for the same reason as
// /init.
func (p *plan) addRescue(busybox string) error {
	program, err := readStatic("busybox", busybox, "install the static build (busybox-static)")
	if err != nil {
		return err
	}
	p.add(file("bin/busybox", 0o755, program))
	for _, name := range applets() {
		p.add(entry{name: "bin/" + name, mode: modeLink | 0o777, target: "busybox"})
	}
	return nil
}
