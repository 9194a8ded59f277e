package stone

import (
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// gapped is a package whose index is out of order and leaves bytes unclaimed,
// in one of both compressions.
func gapped(t *testing.T, compression uint8) []byte {
	plain := []byte("..abc...defgh.")
	index := []IndexEntry{{8, 13, HashOf([]byte("defgh"))}, {9, 9, EmptyHash()}, {2, 5, HashOf([]byte("abc"))}}
	content := verbatimPayload(PayloadContent, 0, plain)
	if compression == CompressionZstd {
		content = payload{PayloadContent, CompressionZstd, uint64(len(plain)), 0, compress(t, plain)}
	}
	return fileOf(Binary, minimalMeta(t), verbatimPayload(PayloadIndex, len(index), encodeIndex(index)), content)
}

func TestContentsInFileOrder(t *testing.T) {
	for _, compression := range []uint8{CompressionNone, CompressionZstd} {
		r, err := read(gapped(t, compression))
		if err != nil {
			t.Fatal(err)
		}
		// One reads whole, one byte by byte, one not at all, one a part.
		styles := map[string]func(io.Reader) ([]byte, error){
			"whole":   io.ReadAll,
			"bytes":   func(src io.Reader) ([]byte, error) { return io.ReadAll(iotest.OneByteReader(src)) },
			"nothing": func(io.Reader) ([]byte, error) { return nil, nil },
			"part":    func(src io.Reader) ([]byte, error) { return io.ReadAll(io.LimitReader(src, 1)) },
		}
		for name, style := range styles {
			var got []string
			err := r.Contents("", func(e IndexEntry, src io.Reader) error {
				b, err := style(src)
				got = append(got, string(b))
				return err
			})
			want := map[string][]string{"whole": {"abc", "defgh", ""}, "bytes": {"abc", "defgh", ""}, "nothing": {"", "", ""}, "part": {"a", "d", ""}}[name]
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%s: error %v, contents (-want +got):\n%s", name, err, diff)
			}
		}
	}
}

// A visitor that sees io.EOF may trust what it read; with a wrong hash it never
// sees it, and cannot hide the error by looking away.
func TestEndOfContentIsProof(t *testing.T) {
	for _, compression := range []uint8{CompressionNone, CompressionZstd} {
		b := gapped(t, compression)
		entry := bytes.Index(b, encodeIndex([]IndexEntry{{2, 5, HashOf([]byte("abc"))}}))
		b = bytes.Clone(b)
		b[entry+16] ^= 1
		r, err := read(fixChecksums(t, b))
		if err != nil {
			t.Fatal(err)
		}
		visited := 0
		var seen error
		err = r.Contents("", func(_ IndexEntry, src io.Reader) error {
			visited++
			_, seen = io.ReadAll(src)
			return nil
		})
		var fault *FormatError
		if !errors.As(seen, &fault) || !errors.As(err, &fault) || visited != 1 {
			t.Errorf("the visitor saw %v in %d visits, the pass ended with %v; want FormatErrors in one", seen, visited, err)
		}
	}
}

// fixChecksums gives every payload of b the checksum of its stored bytes.
func fixChecksums(t *testing.T, b []byte) []byte {
	t.Helper()
	r := &Reader{src: bytes.NewReader(b)}
	if err := r.headers(int64(len(b))); err != nil {
		t.Fatal(err)
	}
	out := slices.Clone(b[:headerSize])
	for _, h := range r.pkg.Payloads {
		out = append(out, payload{h.Kind, h.Compression, h.Plain, h.Records, b[h.start():h.end()]}.bytes()...)
	}
	return out
}

func TestVisitorErrorIsReturned(t *testing.T) {
	r, err := read(gapped(t, CompressionZstd))
	if err != nil {
		t.Fatal(err)
	}
	full := errors.New("disk full")
	if err := r.Contents("", func(IndexEntry, io.Reader) error { return full }); err != full {
		t.Errorf("error %v, want the visitor's own", err)
	}
}

// brokenDisk fails every read from an offset on.
type brokenDisk struct {
	io.ReaderAt
	from int64
}

func (d *brokenDisk) ReadAt(b []byte, offset int64) (int, error) {
	if offset+int64(len(b)) > d.from {
		return 0, os.ErrDeadlineExceeded
	}
	return d.ReaderAt.ReadAt(b, offset)
}

// A disk that fails says nothing about the package.
func TestReadErrorIsNoFormatError(t *testing.T) {
	for _, compression := range []uint8{CompressionNone, CompressionZstd} {
		b := gapped(t, compression)
		for from := range int64(len(b)) {
			disk := &brokenDisk{bytes.NewReader(b), int64(len(b))}
			r, err := NewReader(disk, int64(len(b)))
			if err != nil {
				t.Fatal(err)
			}
			disk.from = from
			if from < r.content.start() {
				_, err = NewReader(disk, int64(len(b)))
			} else {
				err = r.Check()
			}
			var fault *FormatError
			if !errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &fault) {
				t.Fatalf("compression %d, disk broken from %d: error %v, want the disk's own", compression, from, err)
			}
		}
	}
}

func TestClosedReader(t *testing.T) {
	m, layouts, sources := sample()
	r, err := Open(write(t, m, layouts, sources))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.Check(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("error %v, want %v", err, os.ErrClosed)
	}
}
