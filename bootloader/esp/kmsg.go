package esp

import (
	"bytes"
	"errors"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// complained says whether the kernel found the FAT on a device unclean when it
// was mounted, since it started. A mounted one does not tell: Linux sets the mark
// itself then. What cannot be read says nothing.
func (m *machine) complained(name string) bool {
	fd, err := unix.Open(filepath.Join(m.dev, "kmsg"), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	want := []byte("FAT-fs (" + name + "): Volume was not properly unmounted")
	record := make([]byte, 16<<10) // the kernel's bound for one is 8 KiB
	// A bound, because a kernel that logs faster than this reads has no end.
	for range 1 << 20 {
		n, err := unix.Read(fd, record)
		if errors.Is(err, unix.EPIPE) || errors.Is(err, unix.EINTR) {
			continue // overwritten before it was read
		}
		if err != nil || n <= 0 {
			return false
		}
		if bytes.Contains(record[:n], want) {
			return true
		}
	}
	return false
}
