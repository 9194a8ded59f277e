// Package atomicfile replaces files and folders so that a power cut leaves the
// old content or the new one, never a mixture and never nothing.
//
// A rename alone is not enough: without an fsync of the file the new name may
// point at an empty file after a crash (ext4 and xfs, delayed allocation), and
// without an fsync of the folder the rename itself may be lost (fsync(2),
// NOTES). Both are done here, in that order.
//
// FAT needs more, for it has no journal, and the kernel writes names, sizes and
// chains of clusters each when it likes (fs/fat of Linux 6.1):
//
//   - A rename to a new name makes a folder entry of size 0 (vfat_rename), which
//     the renamed file's own write-out fills in. So the file is synced after the
//     rename as well, or an empty file would stay behind.
//   - Until the old name is gone from the disk it shares its clusters with the
//     new one, and whoever removed it after a cut would free those of both. So the
//     folder, which forgets the old name, is synced before the file.
//   - The clusters of a file that is replaced or removed are free at once, and
//     that may reach the disk before its name is gone or points elsewhere. So the
//     file is held open until then: what is open is not freed (fat_evict_inode).
package atomicfile

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Write makes path hold exactly data. When it returns nil the new content
// survives a power cut. When it returns an error from before the rename, path is
// as it was; from after it, path is new but may not be durable yet.
func Write(path string, data []byte, perm fs.FileMode) error {
	_, err := WriteFrom(path, bytes.NewReader(data), perm)
	return err
}

// WriteFrom is Write for content that streams; it returns the bytes written.
func WriteFrom(path string, r io.Reader, perm fs.FileMode) (n int64, err error) {
	return WriteOn(OS{}, path, r, perm, nil)
}

// WriteOn is WriteFrom with the system calls of disk. Before the file gets its
// name, check, if there is one, reads back what the device has of it; its error
// leaves path as it was.
//
// The temporary name starts with a dot and does not end in the suffix of path:
// systemd-boot skips such names, so a cut never shows half an entry in the menu.
func WriteOn(disk Disk, path string, r io.Reader, perm fs.FileMode, check func(io.Reader) error) (n int64, err error) {
	dir := filepath.Dir(path)
	tmp, err := disk.Create(dir, "."+filepath.Base(path)+".tmp-*")
	if err != nil {
		return 0, err
	}
	defer tmp.Close()
	n, err = fill(tmp, r, perm)
	if err == nil && check != nil {
		err = reread(tmp, check)
	}
	if err != nil {
		discard(disk, tmp.Name())
		return n, err
	}
	release := hold(disk, path)
	if err = disk.Rename(tmp.Name(), path); err != nil {
		discard(disk, tmp.Name())
	} else if err = disk.SyncDir(dir); err == nil {
		err = tmp.Sync()
	}
	return n, cmp.Or(err, release())
}

// discard forgets its errors: the one that led here is the one to tell, and what
// cannot be removed now is known by its name.
func discard(disk Disk, path string) {
	if disk.Remove(path) == nil {
		_ = disk.SyncDir(filepath.Dir(path))
	}
}

// RemoveOn removes path durably. A file that is not there is fs.ErrNotExist.
func RemoveOn(disk Disk, path string) error {
	release := hold(disk, path)
	err := disk.Remove(path)
	if err == nil {
		err = disk.SyncDir(filepath.Dir(path))
	}
	return cmp.Or(err, release())
}

// hold keeps the clusters of what is at path until the result is called. What
// is not there needs no holding, and what cannot be held is replaced all the
// same: other file systems than FAT do without.
func hold(disk Disk, path string) (release func() error) {
	held, err := disk.Hold(path)
	if err != nil {
		return func() error { return nil }
	}
	return held.Close
}

func reread(tmp File, check func(io.Reader) error) error {
	again, err := tmp.Again()
	if err != nil {
		return err
	}
	return check(again)
}

func fill(tmp File, r io.Reader, perm fs.FileMode) (int64, error) {
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
