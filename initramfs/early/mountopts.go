package early

import (
	"strings"

	"golang.org/x/sys/unix"

	"moss/internal/cmdline"
)

// flagNames are the options of mount(8) that are flags of mount(2) and not the
// file system's own.
func flagNames() map[string]uintptr {
	return map[string]uintptr{
		"nosuid": unix.MS_NOSUID, "nodev": unix.MS_NODEV, "noexec": unix.MS_NOEXEC,
		"sync": unix.MS_SYNCHRONOUS, "dirsync": unix.MS_DIRSYNC, "mand": unix.MS_MANDLOCK,
		"noatime": unix.MS_NOATIME, "nodiratime": unix.MS_NODIRATIME, "relatime": unix.MS_RELATIME,
		"strictatime": unix.MS_STRICTATIME, "lazytime": unix.MS_LAZYTIME, "silent": unix.MS_SILENT,
		"nosymfollow": unix.MS_NOSYMFOLLOW,
	}
}

// undoing are the options that take one of flagNames back.
func undoing() map[string]string {
	return map[string]string{
		"async": "sync", "atime": "noatime", "diratime": "nodiratime", "norelatime": "relatime", "nostrictatime": "strictatime",
		"nolazytime": "lazytime", "loud": "silent", "nomand": "mand", "exec": "noexec", "suid": "nosuid", "dev": "nodev", "symfollow": "nosymfollow",
	}
}

// forPrograms tells the options of mount(8) and systemd.mount(5) that no file
// system ever sees; one that got them would refuse to be mounted.
func forPrograms(option string) bool {
	switch option {
	case "", "defaults", "auto", "noauto", "nofail", "_netdev", "user", "nouser", "users", "owner", "group":
		return true
	}
	return strings.HasPrefix(option, "x-") || strings.HasPrefix(option, "X-") || strings.HasPrefix(option, "comment=")
}

// mountOptions cuts rootflags= into flags and the file system's own options.
// Read-only is the kernel's default and that of every initramfs; of ro and rw
// on the command line the last one counts.
func mountOptions(line cmdline.Line) (flags uintptr, data string) {
	flags = unix.MS_RDONLY
	for _, p := range line.Params {
		flags = readOnly(flags, p.Key)
	}
	text, _ := line.Last("rootflags")
	var own []string
	for _, option := range strings.Split(text, ",") {
		flag, known := flagNames()[option]
		undone, undo := undoing()[option]
		switch {
		case forPrograms(option):
		case option == "ro" || option == "rw":
			flags = readOnly(flags, option)
		case known:
			flags |= flag
		case undo:
			flags &^= flagNames()[undone]
		default:
			own = append(own, option)
		}
	}
	return flags, strings.Join(own, ",")
}

func readOnly(flags uintptr, option string) uintptr {
	switch option {
	case "ro":
		return flags | unix.MS_RDONLY
	case "rw":
		return flags &^ unix.MS_RDONLY
	}
	return flags
}
