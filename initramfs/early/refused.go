package early

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// refusedError says that no fault of a tree but the root kept it from becoming
// /usr.
type refusedError struct{ error }

func (r *refusedError) Unwrap() error { return r.error }

// denials are what it means that an exchange ends with an error of the system.
func denials() []denial {
	return []denial{
		{"the two are on different file systems", []unix.Errno{unix.EXDEV}},
		{"this file system cannot exchange two names", []unix.Errno{unix.EINVAL, unix.ENOSYS, unix.EOPNOTSUPP}},
		{"one of the two is in use as a mount point", []unix.Errno{unix.EBUSY}},
		{"the root cannot be written", []unix.Errno{unix.EROFS}},
		{"the root is full", []unix.Errno{unix.ENOSPC, unix.EDQUOT}},
		{"the disk reports an error", []unix.Errno{unix.EIO, unix.EUCLEAN, unix.EBADMSG}},
	}
}

type denial struct {
	words string
	when  []unix.Errno
}

// refused puts an error of the exchange into words. A root that cannot be
// written refuses all that would come after it, too.
func (c *choice) refused(err error) error {
	if err == nil {
		return nil
	}
	errno, ok := errors.AsType[unix.Errno](err)
	if !ok {
		return &refusedError{fmt.Errorf("the exchange with /usr was refused: %w", err)}
	}
	words := "error of the system"
	for _, r := range denials() {
		if slices.Contains(r.when, errno) {
			words = r.words
		}
	}
	said := &refusedError{fmt.Errorf("the exchange with /usr was refused: %s (%w)", words, errno)}
	if errno == unix.EROFS {
		c.stuck = said
	}
	return said
}

// passing tells whether the cause of a failure may be this boot's, and gone at the
// next: nothing was found wrong with the tree.
func passing(cause error) bool {
	_, refused := errors.AsType[*refusedError](cause)
	return refused || slices.ContainsFunc([]unix.Errno{unix.EIO, unix.ENOMEM, unix.EMFILE, unix.ENFILE, unix.EBUSY}, func(errno unix.Errno) bool {
		return errors.Is(cause, errno)
	})
}

// bootID tells one boot from the next.
func bootID() string {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(text))
}
