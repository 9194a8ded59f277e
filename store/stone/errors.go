package stone

import (
	"errors"
	"fmt"
	"io"
)

// FormatError says that the bytes at Offset are not what the format allows.
// Read errors of the disk are never a FormatError, so a caller may discard a
// downloaded file on this type alone.
type FormatError struct {
	// Offset is in bytes from the start of the file. For a fault inside
	// compressed records it is where their stored bytes begin, and What names
	// the place among the plain bytes.
	Offset int64
	What   string
	Err    error
}

// Error is the offset, what was found there and the cause.
func (e *FormatError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("stone offset %#x: %s: %v", e.Offset, e.What, e.Err)
	}
	return fmt.Sprintf("stone offset %#x: %s", e.Offset, e.What)
}

// Unwrap is the cause, a decoder's error for instance, or nil.
func (e *FormatError) Unwrap() error { return e.Err }

// Hint is what a person can do about it.
func (e *FormatError) Hint() string {
	return "the file is damaged or is not a package; fetch it again"
}

func malformed(offset int64, format string, args ...any) error {
	return &FormatError{Offset: offset, What: fmt.Sprintf(format, args...)}
}

// readAt fills b. An end of file inside the size that was promised means the
// file shrank while it was read: a fault of the file, not of the disk.
func readAt(r io.ReaderAt, b []byte, offset int64) error {
	n, err := r.ReadAt(b, offset)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return &FormatError{Offset: offset + int64(n), What: "file ends early", Err: io.ErrUnexpectedEOF}
	}
	return fmt.Errorf("read at offset %#x: %w", offset+int64(n), err)
}
