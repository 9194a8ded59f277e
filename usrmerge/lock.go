package usrmerge

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// UnderWayError says that another process merges the root. Two at once would each
// take what the other has just made for leftovers.
type UnderWayError struct{ Root string }

func (e *UnderWayError) Error() string { return "another merge of " + e.Root + " is under way" }

// Hint says what to do.
func (e *UnderWayError) Hint() string { return "wait until it has ended; it goes on by itself" }

// lock keeps other merges away until the root is closed. The lock is one of the
// open folder (flock(2)): it leaves no file, and the kernel gives it up when the
// process ends, however it ends.
func (r *rootDir) lock() error {
	err := unix.Flock(r.fd, unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return &UnderWayError{r.path}
	}
	if err != nil {
		return fmt.Errorf("lock %s: %w", r.path, err)
	}
	return nil
}
