package atomicfile

import (
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// Disk is the system calls that WriteOn and RemoveOn make. OS is the real one;
// tests put one between that notes the calls or lets them fail.
type Disk interface {
	// Create makes a new file, named as os.CreateTemp does it.
	Create(dir, pattern string) (File, error)
	// Hold keeps the content of the file at path until it is closed, whatever
	// becomes of its name.
	Hold(path string) (io.Closer, error)
	Rename(from, to string) error
	Remove(path string) error
	// SyncDir makes the names in dir durable.
	SyncDir(dir string) error
}

// File is a file that is being written.
type File interface {
	io.WriteCloser
	Name() string
	Chmod(perm fs.FileMode) error
	Sync() error
	// Again reads the file from its beginning, after a Sync: from the device, as
	// far as the kernel can be made to.
	Again() (io.Reader, error)
}

// OS is the running system's Disk.
type OS struct{}

var _ Disk = OS{}

// Create implements Disk.
func (OS) Create(dir, pattern string) (File, error) {
	file, err := os.CreateTemp(dir, pattern)
	if err != nil {
		return nil, err
	}
	return osFile{file}, nil
}

// Hold implements Disk. O_PATH keeps the inode, needs no permission and does not
// wait for the other end of a pipe.
func (OS) Hold(path string) (io.Closer, error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return held(fd), nil
}

type held int

func (h held) Close() error { return unix.Close(int(h)) }

// Rename implements Disk.
func (OS) Rename(from, to string) error { return os.Rename(from, to) }

// Remove implements Disk.
func (OS) Remove(path string) error { return os.Remove(path) }

// SyncDir implements Disk.
func (OS) SyncDir(dir string) error { return SyncDir(dir) }

type osFile struct{ *os.File }

// Again drops the pages of the file, which are clean after a Sync
// (posix_fadvise(2), POSIX_FADV_DONTNEED); a file system without a cache of its
// own has none to drop.
func (f osFile) Again() (io.Reader, error) {
	_ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
	_, err := f.Seek(0, io.SeekStart)
	return f.File, err
}
