package usrmerge

import (
	"bytes"
	"io/fs"
	"time"

	"golang.org/x/sys/unix"
)

// spot is a name in an open folder and what is there.
type spot struct {
	dir  int
	name string
	*facts
}

// comparer compares entries and remembers those that were equal.
type comparer struct {
	known map[[2]stamp]bool
	a, b  []byte
}

// stamp says which file it was, and when it was changed last: its content, mode,
// owner and attributes.
type stamp struct {
	dev, ino     uint64
	size         int64
	mtime, ctime int64
}

func newComparer() *comparer { return &comparer{known: map[[2]stamp]bool{}} }

func (f *facts) stamp() stamp { return stamp{f.dev, f.ino, f.size, f.mtime, f.ctime} }

// entries compares two entries of one kind: type, mode, owner, attributes, and
// content or text. Times do not count.
func (c *comparer) entries(a, b spot) (bool, error) {
	if a.sameFile(b.facts) {
		return true, nil
	}
	if a.kind != b.kind || a.mode != b.mode || a.uid != b.uid || a.gid != b.gid || a.text != b.text {
		return false, nil
	}
	if a.kind == regular && a.size != b.size {
		return false, nil
	}
	if (a.kind == char || a.kind == block) && a.rdev != b.rdev {
		return false, nil
	}
	key := [2]stamp{a.stamp(), b.stamp()}
	if c.known[key] {
		return true, nil
	}
	began := time.Now().UnixNano()
	same, err := sameXattrs(a, b)
	if same && err == nil && a.kind == regular {
		same, err = c.read(a, b)
	}
	if same && err == nil && max(a.ctime, b.ctime) < began-tick {
		c.known[key] = true
	}
	return same, err
}

// tick is twice the kernel's clock tick at HZ=100: a write within it changes no time
// stamp, so what is as fresh as that is read again.
const tick = int64(20 * time.Millisecond)

// copied remembers that b is our copy of a, which was looked at at a time: if a has
// changed since, its time stamp has.
func (c *comparer) copied(a, b *facts, looked int64) {
	if a.ctime < looked-tick {
		c.known[[2]stamp{a.stamp(), b.stamp()}] = true
	}
}

func (c *comparer) read(a, b spot) (bool, error) {
	left, err := openFile(a)
	if err != nil {
		return false, err
	}
	defer unix.Close(left)
	right, err := openFile(b)
	if err != nil {
		return false, err
	}
	defer unix.Close(right)
	if c.a == nil {
		c.a, c.b = make([]byte, 128<<10), make([]byte, 128<<10)
	}
	for at := int64(0); ; at += int64(len(c.a)) {
		n, err := readAt(left, c.a, at)
		if err != nil {
			return false, err
		}
		m, err := readAt(right, c.b, at)
		if err != nil || n != m || !bytes.Equal(c.a[:n], c.b[:m]) {
			return false, err
		}
		if n < len(c.a) {
			return true, nil
		}
	}
}

// openFile opens a regular file; it does not wait for a fifo that came in its
// place.
func openFile(at spot) (int, error) {
	fd, err := unix.Openat(at.dir, at.name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, &fs.PathError{Op: "open", Path: at.name, Err: err}
	}
	return fd, nil
}
