package repo

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// home holds what was fetched, below the root.
const home = ".moss/repo"

// lock keeps other processes from changing configuration and stored indexes. It
// is never held while something is fetched, only for the moments of a change, so
// that waiting for it needs no word to the user. The kernel drops it when its
// holder dies.
func lock(root string) (release func(), err error) {
	if _, err := os.Stat(root); err != nil {
		return nil, fmt.Errorf("open root: %w", err) // a mistyped root is not made
	}
	dir := filepath.Join(root, home)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("prepare repositories: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, ".lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock repositories: %w", err)
	}
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock repositories: %w", err), f.Close())
	}
	return func() { _ = f.Close() }, nil // closing lets go of it; nothing was written
}
