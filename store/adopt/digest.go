package adopt

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"moss/internal/parallel"
	"moss/store/stone"
)

// digest is what reading a file gave.
type digest struct {
	hash stone.Hash
	size int64
	err  error // why it could not be read
}

// digests remembers what each inode holds, so that a content which a thousand
// names share is read once.
type digests struct {
	of      map[inode]digest
	buffers sync.Pool
}

// readSize is the buffer of one reader, in bytes.
const readSize = 256 << 10

// read hashes those files of a tree whose inodes are new. A file that the disk
// does not give back is remembered with its error; one that this user may not
// read ends the work, for it says nothing about the file.
func (d *digests) read(ctx context.Context, usr string, files []found) error {
	var fresh []found
	for _, f := range files {
		if !f.IsRegular() {
			continue
		}
		if _, known := d.of[f.inode]; !known {
			d.of[f.inode] = digest{}
			fresh = append(fresh, f)
		}
	}
	// On a disk that turns, the order of inodes is near that of the data.
	slices.SortFunc(fresh, func(a, b found) int { return cmp.Compare(a.inode.ino, b.inode.ino) })
	var mutex sync.Mutex
	return parallel.Each(ctx, len(fresh), func(i int) error {
		one := d.file(filepath.Join(usr, fresh[i].Path))
		if errors.Is(one.err, fs.ErrPermission) {
			return one.err
		}
		mutex.Lock()
		defer mutex.Unlock()
		d.of[fresh[i].inode] = one
		return nil
	})
}

// file hashes one file. It never follows a link nor waits on a fifo.
func (d *digests) file(path string) (one digest) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return digest{err: err}
	}
	defer f.Close()
	buffer, ok := d.buffers.Get().(*[]byte)
	if !ok {
		made := make([]byte, readSize)
		buffer = &made
	}
	defer d.buffers.Put(buffer)
	h := stone.NewHasher()
	// The plain reader keeps io.CopyBuffer from going round the buffer.
	one.size, one.err = io.CopyBuffer(h, struct{ io.Reader }{f}, *buffer)
	one.hash = h.Sum()
	return one
}
