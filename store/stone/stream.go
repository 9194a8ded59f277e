package stone

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"
	"github.com/zeebo/xxh3"
)

// storedBuffer makes one read of what the decoder asks for in threes.
const storedBuffer = 256 << 10

// openContent chooses how the plain bytes are made.
func (r *Reader) openContent(scratch string) (plainReader, error) {
	h := *r.content
	if h.Compression == CompressionNone {
		return &verbatim{newStoredReader(r.src, h)}, nil
	}
	f, err := scanFrame(r.src, h)
	if err != nil {
		return nil, err
	}
	if f.keep(h.Plain) > StreamWindow {
		return spill(r.src, h, f, scratch)
	}
	return newStream(r.src, h, f)
}

// storedReader reads stored bytes, counts and hashes them.
type storedReader struct {
	header PayloadHeader
	src    io.Reader
	sum    *xxh3.Hasher
	pos    int64 // file offset of the next byte
	err    error // a fault of the disk, which a decoder would hide in its own
}

func newStoredReader(src io.ReaderAt, h PayloadHeader) *storedReader {
	return &storedReader{header: h, src: section(src, h), sum: xxh3.New(), pos: h.start()}
}

func (s *storedReader) Read(b []byte) (int, error) {
	n, err := s.src.Read(b)
	_, _ = s.sum.Write(b[:n])
	s.pos += int64(n)
	if err != nil && err != io.EOF {
		s.err = fmt.Errorf("read at offset %#x: %w", s.pos, err)
	}
	return n, err
}

func (s *storedReader) verify() error {
	if got := s.sum.Sum64(); got != s.header.Checksum {
		return checksumError(s.header, got)
	}
	return nil
}

// verbatim is content that is not compressed: header.check made sure that the
// plain size is the stored one.
type verbatim struct{ *storedReader }

// Read reports a file that shrank as a fault at the byte where it ends.
func (v *verbatim) Read(b []byte) (int, error) {
	n, err := v.storedReader.Read(b)
	switch {
	case v.err != nil:
		return n, v.err
	case err == io.EOF && v.pos < v.header.end():
		return n, &FormatError{v.pos, "file ends early", io.ErrUnexpectedEOF}
	}
	return n, err
}

// Finish verifies the checksum.
func (v *verbatim) Finish() error { return v.verify() }

// Close has nothing to close.
func (v *verbatim) Close() error { return nil }

// stream decodes a frame whose window fits in memory.
type stream struct {
	stored  *storedReader
	blocks  *bufio.Reader // of stored
	decoder *zstd.Decoder
}

// newStream hands the decoder another frame header than the file's, see
// frame.streamHeader, and the file's own blocks.
func newStream(src io.ReaderAt, h PayloadHeader, f frame) (*stream, error) {
	stored := newStoredReader(src, h)
	blocks := bufio.NewReaderSize(stored, int(min(h.Stored, storedBuffer)))
	s := &stream{stored: stored, blocks: blocks}
	if _, err := blocks.Discard(int(f.header)); err != nil {
		return nil, s.fault(err)
	}
	// One goroutine: two would decode a little faster, but packages are read
	// side by side already, and the offset in an error would be a guess.
	var err error
	s.decoder, err = zstd.NewReader(io.MultiReader(bytes.NewReader(f.streamHeader(h.Plain)), blocks),
		zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(StreamWindow))
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (s *stream) Read(b []byte) (int, error) {
	n, err := s.decoder.Read(b)
	if err != nil && err != io.EOF {
		err = s.fault(err)
	}
	return n, err
}

// fault names the byte after the last block that the decoder took.
func (s *stream) fault(err error) error {
	if s.stored.err != nil {
		return s.stored.err
	}
	return &FormatError{s.stored.pos - int64(s.blocks.Buffered()), "decompress content", err}
}

// Finish reads on to the frame's end: a byte more than the plain size is an
// error, and the checksum needs the last stored byte.
func (s *stream) Finish() error {
	var one [1]byte
	switch n, err := s.Read(one[:]); {
	case n > 0:
		return malformed(s.stored.header.Offset+8, "content is longer than the %d bytes its header says", s.stored.header.Plain)
	case err != io.EOF:
		return err
	}
	return s.stored.verify()
}

// Close frees the window.
func (s *stream) Close() error {
	s.decoder.Close()
	return nil
}

func scratchDir(dir string) string {
	if dir != "" {
		return dir
	}
	if dir = os.Getenv("TMPDIR"); dir != "" {
		return dir
	}
	// Not /tmp: where that is a tmpfs, scratch space would be memory.
	return "/var/tmp"
}

// scratchFile is a file without a name: it is gone when it is closed, also
// when the process dies.
func scratchFile(dir string) (*os.File, error) {
	f, err := os.CreateTemp(scratchDir(dir), ".stone-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
