package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"moss/internal/parallel"
	"moss/store/stone"
)

// Checker compares. It remembers what it has read, so that a file with names in
// a hundred states is read once. The zero value is ready.
type Checker struct {
	// Tick, if not nil, is told how many paths were looked at since it was told
	// last; it is called from several goroutines.
	Tick func(int64)

	mu    sync.Mutex
	known map[inode]outcome
	open  func(path string) (io.ReadCloser, error) // nil opens files
}

// inode is a file whatever its names. With the time of its last change, or a
// number that was freed and given to another file would be taken for the old one.
type inode struct {
	dev, ino uint64
	sec, ns  int64
}

func inodeOf(st *unix.Stat_t) inode {
	return inode{uint64(st.Dev), st.Ino, int64(st.Ctim.Sec), int64(st.Ctim.Nsec)}
}

// outcome is the hash of a file, or why it could not be read.
type outcome struct {
	hash stone.Hash
	err  string
}

// job is a file that has to be read.
type job struct {
	inode inode
	path  string
}

// read hashes the files of jobs that are not known yet, each inode once and in
// the order of inode numbers, which on a disk that turns is near that of the data.
func (c *Checker) read(ctx context.Context, jobs []job) error {
	var fresh []job
	seen := map[inode]bool{}
	for _, j := range jobs {
		if _, known := c.lookup(j.inode); !known && !seen[j.inode] {
			seen[j.inode] = true
			fresh = append(fresh, j)
		}
	}
	slices.SortFunc(fresh, func(a, b job) int { return cmp.Compare(a.inode.ino, b.inode.ino) })
	buffers := sync.Pool{New: func() any { b := make([]byte, 256<<10); return &b }}
	return parallel.Each(ctx, len(fresh), func(i int) error {
		buf := buffers.Get().(*[]byte)
		defer buffers.Put(buf)
		hash, err := c.hash(fresh[i].path, *buf)
		if errors.Is(err, fs.ErrPermission) {
			return &AccessError{fresh[i].path, unix.EACCES}
		}
		found := outcome{hash: hash}
		if err != nil {
			found = outcome{err: reason(err)}
		}
		c.remember(fresh[i].inode, found)
		return nil
	})
}

func (c *Checker) hash(path string, buf []byte) (stone.Hash, error) {
	open := c.open
	if open == nil {
		open = openFile
	}
	f, err := open(path)
	if err != nil {
		return stone.Hash{}, err
	}
	defer f.Close()
	hasher := stone.NewHasher()
	_, err = io.CopyBuffer(struct{ io.Writer }{hasher}, struct{ io.Reader }{f}, buf)
	return hasher.Sum(), err
}

// openFile follows no link and waits for no fifo: what is there may have changed
// since it was looked at.
func openFile(path string) (io.ReadCloser, error) {
	return os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
}

func (c *Checker) lookup(i inode) (outcome, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found, known := c.known[i]
	return found, known
}

func (c *Checker) remember(i inode, found outcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil {
		c.known = map[inode]outcome{}
	}
	c.known[i] = found
}

func (c *Checker) tick(n int) {
	if c.Tick != nil && n > 0 {
		c.Tick(int64(n))
	}
}

// Intact says whether path is a regular file with that content.
func (c *Checker) Intact(ctx context.Context, path string, hash stone.Hash) bool {
	var st unix.Stat_t
	if unix.Lstat(path, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return false
	}
	if c.read(ctx, []job{{inodeOf(&st), path}}) != nil {
		return false
	}
	found, known := c.lookup(inodeOf(&st))
	return known && found.err == "" && found.hash == hash
}

// reason is an error without the path, which a finding names anyway.
func reason(err error) string {
	if at, ok := errors.AsType[*fs.PathError](err); ok {
		return at.Err.Error()
	}
	return fmt.Sprint(err)
}
