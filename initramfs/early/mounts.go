package early

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// pseudo is a file system of the kernel's own. Flags and options are those of
// systemd 252 (src/shared/mount-setup.c), which finds them mounted and keeps them.
type pseudo struct {
	path, kind, data string
	flags            uintptr
}

func pseudoMounts() []pseudo {
	const safe = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	return []pseudo{
		{"proc", "proc", "", safe},
		{"sys", "sysfs", "", safe},
		{"dev", "devtmpfs", "mode=0755", unix.MS_NOSUID | unix.MS_STRICTATIME},
		{"run", "tmpfs", "mode=0755,size=20%,nr_inodes=800k", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_STRICTATIME},
	}
}

// mountPseudo mounts what every later step reads. EBUSY means that the kernel
// or an outer initramfs has done it.
func (b *Boot) mountPseudo() error {
	for _, m := range pseudoMounts() {
		if err := os.MkdirAll(b.path(m.path), 0o755); err != nil {
			return err
		}
		err := unix.Mount(m.kind, b.path(m.path), m.kind, m.flags, m.data)
		if err != nil && !errors.Is(err, unix.EBUSY) {
			return &fs.PathError{Op: "mount " + m.kind, Path: b.path(m.path), Err: err}
		}
	}
	return nil
}
