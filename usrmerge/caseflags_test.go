package usrmerge_test

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// setFlags does chattr +i or +a; the end of the test takes them away again, or
// nobody could remove the folder.
func setFlags(t failer, path string, flags int) {
	t.Helper()
	const immutable, appendOnly = 0x10, 0x20 // FS_IMMUTABLE_FL, FS_APPEND_FL
	bits := 0
	if flags&unix.STATX_ATTR_IMMUTABLE != 0 {
		bits |= immutable
	}
	if flags&unix.STATX_ATTR_APPEND != 0 {
		bits |= appendOnly
	}
	set := func(with int) error {
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		old, err := unix.IoctlGetInt(int(file.Fd()), unix.FS_IOC_GETFLAGS)
		if err != nil {
			return err
		}
		return unix.IoctlSetPointerInt(int(file.Fd()), unix.FS_IOC_SETFLAGS, old&^(immutable|appendOnly)|with)
	}
	if err := set(bits); err != nil {
		t.Fatalf("chattr %q: %v", path, err)
	}
	t.Cleanup(func() {
		if err := set(0); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("chattr -i %q: %v", path, err)
		}
	})
}
