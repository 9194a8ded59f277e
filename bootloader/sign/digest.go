package sign

import (
	"crypto/sha256"
	"fmt"
	"io"
)

// alignment of the signatures in a file; what is signed is filled up with
// zeros to it.
const alignment = 8

func padding(n int64) int64 { return (alignment - n%alignment) % alignment }

// digest is the Authenticode hash of an image: SHA-256 over everything but the
// checksum, the directory entry of the signatures, and the signatures. The
// order is the firmware's: headers, sections as they lie in the file, and then
// as many bytes as are left, counted from the sum of what was hashed. Where
// there is a gap between sections that is not the same as the end of the last.
func (im *image) digest(r io.ReaderAt) ([]byte, error) {
	parts := []span{
		{0, im.checksum}, {im.checksum + 4, im.certDir}, {im.certDir + 8, int64(len(im.head))},
	}
	sum := int64(len(im.head))
	for _, s := range im.onDisk() {
		parts = append(parts, span{int64(s.offset), int64(s.offset) + int64(s.length)})
		sum += int64(s.length)
	}
	parts = append(parts, span{sum, im.data})
	hash := sha256.New()
	for _, p := range parts {
		if _, err := io.Copy(hash, whole(r, p)); err != nil {
			return nil, fmt.Errorf("hash image: %w", err)
		}
	}
	hash.Write(make([]byte, padding(im.data)))
	return hash.Sum(nil), nil
}

// whole reads a part of a file, and fails where the file has become shorter
// than it was when it was measured.
func whole(r io.ReaderAt, p span) io.Reader {
	return &exact{io.NewSectionReader(r, p.from, p.to-p.from), p.to - p.from}
}

type exact struct {
	r    io.Reader
	left int64
}

func (e *exact) Read(b []byte) (int, error) {
	n, err := e.r.Read(b)
	if e.left -= int64(n); err == io.EOF && e.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}
