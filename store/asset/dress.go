package asset

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"moss/store/stone"
)

// Dress gives an open file or folder the owner, mode and xattrs of l, in that
// order: chown clears the setuid bits and the file capabilities that were set
// before it (chown(2), capabilities(7)).
func Dress(f *os.File, l stone.Layout) error {
	if err := f.Chown(int(l.UID), int(l.GID)); err != nil {
		return err
	}
	if err := f.Chmod(modeBits(l.Mode)); err != nil {
		return err
	}
	for _, x := range l.Xattrs {
		if err := unix.Fsetxattr(int(f.Fd()), x.Name, x.Value, 0); err != nil {
			return fmt.Errorf("set xattr %s of /usr/%s: %w", x.Name, l.Path, err)
		}
	}
	return nil
}
