package stone

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"
	"github.com/zeebo/xxh3"
)

// WriteOptions tunes Write.
type WriteOptions struct {
	// Level is the zstd effort, 1 to 22 in zstd's own counting; the encoder has
	// four: 1-2 fastest, 3-5 zstd's default, 6-9 better, 10 and more best.
	// 0 means 6. The window is 8 MiB at every level but the fastest (4 MiB), so
	// that every reader can stream what is written.
	Level int
}

const defaultLevel = 6

func (o WriteOptions) encoder() (*zstd.Encoder, error) {
	level := o.Level
	if level == 0 {
		level = defaultLevel
	}
	if level < 1 || level > 22 {
		return nil, fmt.Errorf("compression level %d, want 1 to 22, or 0 for %d", level, defaultLevel)
	}
	// Two: one block is compressed while the one before it is written. More
	// would not be used by a stream and would only cost memory.
	return zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(level)),
		zstd.WithEncoderConcurrency(2), zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(true))
}

// Write makes a package file at path. Payloads are meta, layout, attributes
// (only when there are xattrs), index, content; the last two are left out when
// no layout is a regular file and there are no sources. Equal input and options
// give equal bytes.
//
// The file appears under its name complete and on stable storage, or not at all:
// when Write fails path is as it was (only when the last step, the sync of the
// folder, fails is the new file there, and may be gone after a power cut). A
// crash can leave ".<name>.tmp-*" beside it. A source whose bytes do not have its
// hash and size is an error.
func Write(path string, meta Meta, layouts []Layout, sources []Source, opt WriteOptions) error {
	p, err := planPackage(meta, layouts, sources)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	encoder, err := opt.encoder()
	if err != nil {
		return err
	}
	defer encoder.Close()
	err = replace(path, func(f *os.File) error { return p.writePackage(f, encoder) })
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// Encode writes a repository index or a manifest: one meta payload a package.
func Encode(w io.Writer, t FileType, metas []Meta) error {
	if t != Repository && t != Manifest {
		return fmt.Errorf("encode %v file: want a repository or a manifest", t)
	}
	p, err := planMetas(metas)
	if err != nil {
		return fmt.Errorf("encode %v file: %w", t, err)
	}
	encoder, err := WriteOptions{}.encoder()
	if err != nil {
		return err
	}
	defer encoder.Close()
	if _, err := w.Write(encodePrelude(t, len(p.payloads))); err != nil {
		return err
	}
	return p.writeMetadata(w, encoder)
}

func (p *plan) writePackage(f *os.File, encoder *zstd.Encoder) error {
	count := len(p.payloads)
	if p.indexed > 0 {
		count++
	}
	if _, err := f.Write(encodePrelude(Binary, count)); err != nil {
		return err
	}
	if err := p.writeMetadata(f, encoder); err != nil || p.indexed == 0 {
		return err
	}
	return p.writeContent(f, encoder)
}

func (p *plan) writeMetadata(w io.Writer, encoder *zstd.Encoder) error {
	for _, m := range p.payloads {
		stored := encoder.EncodeAll(m.plain, nil)
		h := PayloadHeader{
			Stored: uint64(len(stored)), Plain: uint64(len(m.plain)), Checksum: xxh3.Hash(stored),
			Records: uint32(m.records), Version: formatVersion, Kind: m.kind, Compression: CompressionZstd,
		}
		if _, err := w.Write(append(h.encode(), stored...)); err != nil {
			return err
		}
	}
	return nil
}

// writeContent leaves room for the header, whose sizes are known last.
func (p *plan) writeContent(f *os.File, encoder *zstd.Encoder) error {
	at, err := f.Seek(headerSize, io.SeekCurrent)
	if err != nil {
		return err
	}
	sink := &storedWriter{file: f, sum: xxh3.New()}
	encoder.ResetContentSize(sink, int64(p.total))
	if err := p.compress(encoder); err != nil {
		return err
	}
	if err := encoder.Close(); err != nil {
		return err
	}
	h := PayloadHeader{
		Stored: sink.size, Plain: p.total, Checksum: sink.sum.Sum64(),
		Version: formatVersion, Kind: PayloadContent, Compression: CompressionZstd,
	}
	_, err = f.WriteAt(h.encode(), at-headerSize)
	return err
}

func (p *plan) compress(w io.Writer) error {
	buf := make([]byte, maxBlock)
	hasher := NewHasher()
	for _, s := range p.contents {
		hasher.Reset()
		if err := s.copyTo(w, hasher, buf); err != nil {
			return fmt.Errorf("source %v: %w", s.Hash, err)
		}
	}
	return nil
}

// copyTo proves the bytes as they pass. One byte more than the size is read, so
// that a file that grew is found and not cut.
func (s Source) copyTo(w io.Writer, hasher *Hasher, buf []byte) error {
	r, err := s.Open()
	if err != nil {
		return err
	}
	limited := &io.LimitedReader{R: r, N: s.Size + 1}
	n, err := io.CopyBuffer(struct{ io.Writer }{io.MultiWriter(hasher, w)}, limited, buf)
	if err := errors.Join(err, r.Close()); err != nil {
		return err
	}
	if n > s.Size {
		return fmt.Errorf("more than the %d bytes it should have", s.Size)
	}
	if n < s.Size {
		return fmt.Errorf("%d bytes, want %d", n, s.Size)
	}
	if got := hasher.Sum(); got != s.Hash {
		return fmt.Errorf("bytes have hash %v", got)
	}
	return nil
}

// storedWriter counts and hashes what the encoder writes.
type storedWriter struct {
	file *os.File
	sum  *xxh3.Hasher
	size uint64
}

func (s *storedWriter) Write(b []byte) (int, error) {
	n, err := s.file.Write(b)
	_, _ = s.sum.Write(b[:n])
	s.size += uint64(n)
	return n, err
}
