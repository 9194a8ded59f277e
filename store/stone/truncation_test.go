package stone

import (
	"bytes"
	"errors"
	"testing"
)

// wantFormatError reads b whole and gives the fault it must have.
func wantFormatError(t *testing.T, what string, b []byte) *FormatError {
	t.Helper()
	r, err := read(b)
	if err == nil {
		err = r.CheckIn(t.TempDir())
	}
	var fault *FormatError
	if !errors.As(err, &fault) {
		t.Errorf("%s: error %v, want a FormatError", what, err)
		return nil
	}
	if fault.Offset < 0 || fault.Offset > int64(len(b)) {
		t.Errorf("%s: offset %d is outside the file of %d bytes: %v", what, fault.Offset, len(b), err)
	}
	return fault
}

func TestEveryTruncation(t *testing.T) {
	b := readReal(t, bashCompletion)
	for n := range len(b) {
		// The size of the content payload is in a header; how much of its
		// stored bytes is missing makes no difference after that.
		if n > 0x5b01+1024 && n%97 != 0 && len(b)-n > 64 {
			continue
		}
		wantFormatError(t, "truncated", b[:n])
		if t.Failed() {
			t.Fatalf("truncated to %d bytes", n)
		}
	}
}

func TestEveryTruncationOfSample(t *testing.T) {
	b := sampleBytes(t)
	for n := range len(b) {
		wantFormatError(t, "truncated", b[:n])
	}
}

// A file that shrinks while it is read (somebody else's download started again)
// keeps its promised size and ends early.
func TestFileShrinks(t *testing.T) {
	b := sampleBytes(t)
	for n := range len(b) {
		r, err := NewReader(bytes.NewReader(b[:n]), int64(len(b)))
		if err == nil {
			err = r.Check()
		}
		var fault *FormatError
		if !errors.As(err, &fault) {
			t.Fatalf("%d of %d bytes: error %v, want a FormatError", n, len(b), err)
		}
	}
}

// Every flipped bit is found: payloads by their checksum, headers by what they
// claim.
func TestEveryFlippedBit(t *testing.T) {
	b := sampleBytes(t)
	r, err := read(b)
	if err != nil {
		t.Fatal(err)
	}
	harmless := map[int]bool{} // the content payload's record count says nothing
	for _, h := range r.Package().Payloads {
		for i := range 4 {
			harmless[int(h.Offset)+24+i] = h.Kind == PayloadContent
		}
	}
	for i := range b {
		for bit := range 8 {
			b[i] ^= 1 << bit
			// Another file type is a valid file, and so is one with a payload
			// whose kind nobody knows.
			if r, err := read(b); err == nil && !harmless[i] && i != 27 {
				if err := r.Check(); err == nil && !isKind(r, i) {
					t.Errorf("bit %d of byte %#x flipped: no error", bit, i)
				}
			}
			b[i] ^= 1 << bit
		}
	}
}

func isKind(r *Reader, i int) bool {
	for _, h := range r.Package().Payloads {
		if i == int(h.Offset)+30 {
			return !h.known()
		}
	}
	return false
}
