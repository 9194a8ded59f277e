package stone

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// records walks the plain bytes of one metadata payload. The record count of
// the header is never used to size anything: each record proves itself by the
// bytes it takes.
type records struct {
	head  PayloadHeader
	data  []byte
	pos   int
	count uint32 // records begun
}

func (r *records) next() bool {
	if r.count == r.head.Records {
		return false
	}
	r.count++
	return true
}

func (r *records) take(n uint64, what string) ([]byte, error) {
	if left := uint64(len(r.data) - r.pos); n > left {
		return nil, r.fail("%s wants %d bytes, %d are left", what, n, left)
	}
	b := r.data[r.pos : r.pos+int(n)]
	r.pos += int(n)
	return b, nil
}

func (r *records) done() error {
	if r.pos != len(r.data) {
		return r.fail("%d bytes follow the last record", len(r.data)-r.pos)
	}
	return nil
}

// fail names the record, and the file offset as exactly as compression allows.
func (r *records) fail(format string, args ...any) error {
	offset := r.head.start()
	if r.head.Compression == CompressionNone {
		offset += int64(r.pos)
	}
	return malformed(offset, "%v record %d of %d (plain byte %d): %s",
		r.head.Kind, r.count, r.head.Records, r.pos, fmt.Sprintf(format, args...))
}

// text drops the NULs with which old writers end every text, and refuses those
// that would cut a text short in any program written in C.
func (r *records) text(b []byte, what string) (string, error) {
	b = bytes.TrimRight(b, "\x00")
	if bytes.IndexByte(b, 0) >= 0 {
		return "", r.fail("%s holds a NUL byte", what)
	}
	return string(b), nil
}

func be32(b []byte) uint32 { return binary.BigEndian.Uint32(b) }
func be64(b []byte) uint64 { return binary.BigEndian.Uint64(b) }
