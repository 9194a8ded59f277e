// Package atomicfile replaces files and folders so that a power cut leaves the
// old content or the new one, never a mixture and never nothing.
//
// A rename alone is not enough: without an fsync of the file the new name may
// point at an empty file after a crash (ext4 and xfs, delayed allocation), and
// without an fsync of the folder the rename itself may be lost (fsync(2),
// NOTES). Both are done here, in that order.
//
// On FAT a third is needed between the two. A rename to a new name makes a
// folder entry of size 0, which the renamed file's own write-out fills in
// (vfat_rename in fs/fat/namei_vfat.c, Linux 6.1); an fsync of the folder alone
// would leave an empty file behind it. So the file is synced after the rename,
// before the folder.
package atomicfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Write makes path hold exactly data. When it returns nil the new content
// survives a power cut; when it returns an error path is as it was.
func Write(path string, data []byte, perm fs.FileMode) error {
	_, err := WriteFrom(path, bytes.NewReader(data), perm)
	return err
}

// WriteFrom is Write for content that streams; it returns the bytes written.
// The temporary name starts with a dot and does not end in the suffix of path:
// systemd-boot skips such names, so a cut never shows half an entry in the menu.
func WriteFrom(path string, r io.Reader, perm fs.FileMode) (n int64, err error) {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".tmp-*")
	if err != nil {
		return 0, err
	}
	n, err = fill(tmp, r, perm)
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return n, errors.Join(err, tmp.Close(), os.Remove(tmp.Name()))
	}
	return n, errors.Join(tmp.Sync(), tmp.Close(), SyncDir(filepath.Dir(path)))
}

func fill(tmp *os.File, r io.Reader, perm fs.FileMode) (int64, error) {
	n, err := io.Copy(tmp, r)
	if err == nil {
		err = tmp.Chmod(perm)
	}
	if err == nil {
		err = tmp.Sync()
	}
	return n, err
}

// SyncDir makes the names in dir durable. On vfat this needs no special case:
// the kernel gives its directories the same fsync as its files.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// SyncFS writes out the whole file system that holds dir, once: for thousands
// of new files one syncfs costs a tenth of an fsync each. The error is checked
// because syncfs reports write-back errors since Linux 5.8.
func SyncFS(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := unix.Syncfs(int(d.Fd())); err != nil {
		return &fs.PathError{Op: "syncfs", Path: dir, Err: err}
	}
	return nil
}

// Exchange swaps two names of one file system in one step (renameat2 with
// RENAME_EXCHANGE): at no moment is either missing. It is not durable until
// both parent folders are synced.
func Exchange(a, b string) error {
	if err := unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE); err != nil {
		return fmt.Errorf("exchange %s with %s: %w", a, b, err)
	}
	return nil
}
