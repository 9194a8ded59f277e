package efivar

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// ChangeError says that a variable could not be written or deleted.
type ChangeError struct {
	// Op is "write" or "delete".
	Op, Name string
	Err      error
}

func (e *ChangeError) Error() string {
	return fmt.Sprintf("%s EFI variable %s: %v", e.Op, e.Name, e.Err)
}
func (e *ChangeError) Unwrap() error { return e.Err }

// Hint says what makes room for it or allows it.
func (e *ChangeError) Hint() string {
	switch {
	case errors.Is(e.Err, unix.ENOSPC):
		return "the firmware's store is full: reboot, which lets it tidy up, or remove crash dumps: rm " + Path + "/dump-type0-*"
	case errors.Is(e.Err, unix.EROFS):
		return "efivarfs is read-only: mount -o remount,rw " + Path
	case errors.Is(e.Err, unix.EPERM), errors.Is(e.Err, unix.EACCES):
		return "run it as root; in a container it is never allowed"
	}
	return "the firmware refused it: try again after a reboot"
}
