package ui

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// stdout is standard output. Whoever reads it may have seen enough and be gone:
// what is said then is dropped, for it is no failure of the work, and the work
// must not end half way because nobody listens. Other errors, such as a full
// disk, are told.
type stdout struct{ file *os.File }

// Write drops what nobody reads.
func (r *stdout) Write(b []byte) (int, error) {
	n, err := r.file.Write(b)
	if errors.Is(err, unix.EPIPE) {
		return len(b), nil
	}
	return n, err
}

// Fd lets others find out whether it is a terminal.
func (r *stdout) Fd() uintptr { return r.file.Fd() }
