package store

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// LockedError says who writes to the store at the moment.
type LockedError struct{ Path, Holder string }

func (e *LockedError) Error() string {
	return fmt.Sprintf("lock %s: held by %s", e.Path, e.Holder)
}

// Hint says what to do.
func (e *LockedError) Hint() string { return "wait until it has finished, then try again" }

// lock is a flock: the kernel lets go of it when its holder dies, however it dies.
type lock struct{ file *os.File }

func acquire(path, command string) (*lock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, errors.Join(&LockedError{path, holder(f)}, f.Close())
	}
	if err == nil {
		err = sign(f, command)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("take lock %s: %w", path, err), f.Close())
	}
	return &lock{f}, nil
}

// sign leaves word for those who find the lock taken.
func sign(f *os.File, command string) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	text := fmt.Sprintf("%s (process %d, since %s)\n", command, os.Getpid(), time.Now().UTC().Format(time.RFC3339))
	_, err := f.WriteAt([]byte(text), 0)
	return err
}

func holder(f *os.File) string {
	text := make([]byte, 256)
	n, _ := f.ReadAt(text, 0)
	if line := strings.TrimSpace(string(text[:n])); line != "" {
		return line
	}
	return "another process"
}

func (l *lock) release() error {
	return errors.Join(l.file.Truncate(0), l.file.Close())
}
