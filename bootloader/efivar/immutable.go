package efivar

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// immutable is FS_IMMUTABLE_FL of linux/fs.h.
const immutable = 0x10

// unlocked runs change with the immutable flag of path taken off, and puts it
// back. efivarfs sets the flag on nearly every file since Linux 4.5, because
// "rm -rf" used to brick machines; without this a second write fails with EPERM.
func unlocked(path string, change func() error) error {
	was, err := setImmutable(path, false)
	if err != nil {
		return err
	}
	err = change()
	if was {
		_, again := setImmutable(path, true)
		if !errors.Is(again, fs.ErrNotExist) {
			err = errors.Join(err, again)
		}
	}
	return err
}

// setImmutable returns whether the flag was set. A file that does not exist has
// no flag, and neither has any file where the file system knows no flags.
func setImmutable(path string, on bool) (was bool, err error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		if on {
			return false, err
		}
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer file.Close()
	fd := int(file.Fd())
	flags, err := unix.IoctlGetUint32(fd, unix.FS_IOC_GETFLAGS)
	if err != nil {
		return false, nil
	}
	was = flags&immutable != 0
	if was == on {
		return was, nil
	}
	if err := unix.IoctlSetPointerInt(fd, unix.FS_IOC_SETFLAGS, int(flags^immutable)); err != nil {
		return was, &fs.PathError{Op: "set flags of", Path: path, Err: err}
	}
	return was, nil
}
