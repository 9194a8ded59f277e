package bootloader

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"moss/internal/atomicfile"
)

// disk is every system call that changes $BOOT.
type disk interface {
	atomicfile.Disk
	Mkdir(path string) error
	SyncFS(dir string) error
	// Start is where on the device a file begins, 0 when the file is empty or
	// the file system does not say.
	Start(path string) int
}

type realDisk struct{ atomicfile.OS }

func (realDisk) Mkdir(path string) error { return os.Mkdir(path, 0o755) }

func (realDisk) SyncFS(dir string) error { return atomicfile.SyncFS(dir) }

// fibmap asks for the block of the device that holds a block of a file
// (linux/fs.h). FAT has nothing newer.
const fibmap = 1

func (realDisk) Start(path string) int {
	file, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer file.Close()
	// The block that is asked for is the number that the answer replaces: 0.
	block, err := unix.IoctlGetInt(int(file.Fd()), fibmap)
	if err != nil {
		return 0
	}
	return block
}

// careful knows two weak spots of FAT that other file systems do not have.
type careful struct{ disk }

// Create makes the name of a temporary file durable while the file is empty. A
// folder keeps the long name and the rest of an entry in different sectors; a
// cut that loses only the long name would leave a kernel's worth of clusters
// under a name that nobody knows.
func (c careful) Create(dir, pattern string) (atomicfile.File, error) {
	file, err := c.disk.Create(dir, pattern)
	if err != nil {
		return nil, err
	}
	if err := c.SyncDir(dir); err != nil {
		_, _ = file.Close(), c.Remove(file.Name())
		return nil, err
	}
	return file, nil
}

// Hold lets go of a file that was replaced only when everything is written out.
// The kernel may have begun to write the new file's start and size by itself; an
// fsync of the file does not wait for that (fat_write_inode without wait leaves
// the inode clean), and the name would lead to clusters of which the next file
// takes possession.
func (c careful) Hold(path string) (io.Closer, error) {
	file, err := c.disk.Hold(path)
	if err != nil {
		return nil, err
	}
	return releaser{file, func() error { return c.SyncFS(filepath.Dir(path)) }}, nil
}

type releaser struct {
	io.Closer
	before func() error
}

// Close leaves the file open when it cannot write out: then it is held for as
// long as the program runs.
func (r releaser) Close() error {
	if err := r.before(); err != nil {
		return err
	}
	return r.Closer.Close()
}

// write puts what r gives under path if that has the hash, both on its way to
// the device and when it is read back from there. Else path stays as it was, and
// what was written is removed.
func write(d disk, path string, r io.Reader, want string) error {
	_, err := atomicfile.WriteOn(careful{d}, path, hashed(r, want, "content changed"), 0o644, func(back io.Reader) error {
		_, err := io.Copy(io.Discard, hashed(back, want, path+" does not read back as it was written, the device may be failing"))
		return err
	})
	return err
}

func writeText(d disk, path string, text []byte) error {
	sum := sha256.Sum256(text)
	return write(d, path, bytes.NewReader(text), hex.EncodeToString(sum[:]))
}

// removeOn: what is gone already is no error, for systemd-bless-boot renames
// entries whenever it likes. The next plan sees the new name.
func removeOn(d disk, path string) error {
	if err := atomicfile.RemoveOn(d, path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func makeFolder(d disk, path string) error {
	if err := d.Mkdir(path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return d.SyncDir(filepath.Dir(path))
}

// checker passes a file through and turns its end into an error when the content
// is not the wanted one: the writer renames only after a clean end.
type checker struct {
	from io.Reader
	sum  hash.Hash
	want string
	what string
}

func hashed(from io.Reader, want, what string) *checker {
	return &checker{from: from, sum: sha256.New(), want: want, what: what}
}

func (c *checker) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.sum.Write(p[:n])
	if err == io.EOF {
		if got := hex.EncodeToString(c.sum.Sum(nil)); got != c.want {
			return n, fmt.Errorf("%s: got hash %s, want %s", c.what, got, c.want)
		}
	}
	return n, err
}
