package image

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	"golang.org/x/sys/unix"
)

const (
	trailer    = "TRAILER!!!"
	headerSize = 110
)

// readEntry reads one newc record, and writes a file's content to w. u-root's reader is not used here: it
// allocates what a header claims, up to 4 GiB for a name, and takes a cut file
// for a whole one. As in the kernel, names and link texts end at PATH_MAX.
func readEntry(r io.Reader, w io.Writer) (Entry, error) {
	var header [headerSize]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return Entry{}, cut(err)
	}
	if magic := string(header[:6]); magic != "070701" && magic != "070702" {
		return Entry{}, fmt.Errorf("no cpio magic but %q", magic)
	}
	var field [13]int64
	for i := range field {
		n, err := strconv.ParseUint(string(header[6+8*i:14+8*i]), 16, 32)
		if err != nil {
			return Entry{}, fmt.Errorf("cpio header: %w", err)
		}
		field[i] = int64(n)
	}
	e := Entry{Mode: uint32(field[1]), Size: field[6]}
	name, err := readText(r, headerSize, field[11])
	if err != nil {
		return Entry{}, fmt.Errorf("cpio name: %w", err)
	}
	e.Name = string(bytes.TrimSuffix(name, []byte{0}))
	if e.Mode&unix.S_IFMT == unix.S_IFLNK && e.Size > 0 {
		target, err := readText(r, 0, e.Size)
		e.Target = string(target)
		return e, err
	}
	_, err = io.CopyN(w, r, e.Size)
	if err == nil {
		_, err = io.CopyN(io.Discard, r, align(e.Size)-e.Size)
	}
	return e, cut(err)
}

// readText reads size bytes that begin at a multiple of four plus start, and
// the bytes that fill up to the next multiple.
func readText(r io.Reader, start, size int64) ([]byte, error) {
	if size < 1 || size > unix.PathMax {
		return nil, fmt.Errorf("length %d is not 1 to %d", size, unix.PathMax)
	}
	text := make([]byte, align(start+size)-start)
	_, err := io.ReadFull(r, text)
	return text[:size], cut(err)
}

func align(n int64) int64 { return (n + 3) &^ 3 }

// cut says what an early end means; readers above take io.EOF for a good end.
func cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the image ends in the middle of an entry")
	}
	return err
}
