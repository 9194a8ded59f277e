package store

import (
	"context"
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
func (e *LockedError) Hint() string {
	return "try again when it has finished, or use --wait"
}

// lock is a flock: the kernel lets go of it when its holder dies, however it dies.
type lock struct{ file *os.File }

// acquire takes the lock. With waiting set it tells who holds it, once, and
// waits for as long as ctx allows.
func acquire(ctx context.Context, path, command string, waiting func(holder string)) (*lock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		if waiting == nil {
			return nil, errors.Join(&LockedError{path, holder(f)}, f.Close())
		}
		waiting(holder(f))
		if err = wait(ctx, f); err != nil && ctx.Err() != nil {
			return nil, fmt.Errorf("wait for lock %s: %w", path, err) // f belongs to the waiter now
		}
	}
	if err == nil {
		err = sign(f, command)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("take lock %s: %w", path, err), f.Close())
	}
	return &lock{f}, nil
}

// wait blocks until the lock is free. A flock cannot be called off, so after a
// cancelled wait a goroutine stays behind that lets go of what it may still get.
func wait(ctx context.Context, f *os.File) error {
	got := make(chan error, 1)
	go func() { got <- lockBlocking(f) }()
	select {
	case err := <-got:
		return err
	case <-ctx.Done():
		go func() {
			<-got
			f.Close()
		}()
		return context.Cause(ctx)
	}
}

func lockBlocking(f *os.File) error {
	for {
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
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
	// Closing alone would leave the lock to a process that is just being started:
	// until its exec it has a copy of the file.
	_ = l.file.Truncate(0) // on a disk that fails the text stays, and nobody reads it while the lock is free
	return errors.Join(unix.Flock(int(l.file.Fd()), unix.LOCK_UN), l.file.Close())
}
