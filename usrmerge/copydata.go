package usrmerge

import (
	"errors"
	"io"

	"golang.org/x/sys/unix"
)

// copyData copies what is written in a file and leaves its holes. It takes plain
// descriptors: os.File asks the poller about each, which is two calls a file.
func copyData(in, out int, f *facts) error {
	buf := make([]byte, max(1, min(f.size, 1<<20)))
	if f.blocks*512 >= f.size { // no holes
		_, err := copyRange(in, out, 0, f.size, buf)
		return err
	}
	for at := int64(0); at < f.size; {
		data, err := unix.Seek(in, at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			break // only a hole is left
		}
		hole := f.size
		if err != nil { // a file system that does not know holes
			data = at
		} else if hole, err = unix.Seek(in, data, unix.SEEK_HOLE); err != nil {
			return err
		}
		n, err := copyRange(in, out, data, hole, buf)
		if err != nil || n < hole {
			return err
		}
		at = hole
	}
	return unix.Ftruncate(out, f.size)
}

// copyRange copies the bytes from at to end. It stops where the file ends, which
// it does earlier if somebody cut it short.
func copyRange(in, out int, at, end int64, buf []byte) (int64, error) {
	for at < end {
		n, err := readAt(in, buf[:min(int64(len(buf)), end-at)], at)
		if n == 0 || err != nil {
			return at, err
		}
		for rest := buf[:n]; len(rest) > 0; {
			m, err := unix.Pwrite(out, rest, at)
			if errors.Is(err, unix.EINTR) {
				continue
			}
			if err != nil {
				return at, err
			}
			if m == 0 {
				return at, io.ErrShortWrite
			}
			at, rest = at+int64(m), rest[m:]
		}
	}
	return at, nil
}

// readAt fills b, or reads up to the end of the file.
func readAt(fd int, b []byte, at int64) (n int, err error) {
	for n < len(b) {
		m, err := unix.Pread(fd, b[n:], at+int64(n))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if m == 0 || err != nil {
			return n, err
		}
		n += m
	}
	return n, nil
}
