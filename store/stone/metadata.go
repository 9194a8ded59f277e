package stone

import (
	"bytes"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/zeebo/xxh3"
)

// metadata brings metadata payloads into memory. Both buffers are reused, so
// an index of thousands of meta payloads costs two of them.
type metadata struct {
	src           io.ReaderAt
	decoder       *zstd.Decoder
	stored, plain []byte
	total         uint64
}

func (m *metadata) close() {
	if m.decoder != nil {
		m.decoder.Close()
	}
}

// load proves a payload's checksum and size and gives its plain bytes, which
// are valid until the next load.
func (m *metadata) load(h PayloadHeader) (*records, error) {
	if err := m.admit(h); err != nil {
		return nil, err
	}
	m.stored = sized(m.stored, h.Stored)
	if err := readAt(m.src, m.stored, h.start()); err != nil {
		return nil, err
	}
	if got := xxh3.Hash(m.stored); got != h.Checksum {
		return nil, checksumError(h, got)
	}
	if h.Compression == CompressionNone {
		return &records{head: h, data: m.stored}, nil
	}
	plain, err := m.decode(h)
	if err != nil {
		return nil, err
	}
	return &records{head: h, data: plain}, nil
}

func (m *metadata) admit(h PayloadHeader) error {
	limit := uint64(MaxPayload)
	if h.Kind == PayloadMeta {
		limit = MaxMetaPayload
	}
	m.total += h.Plain
	switch {
	case h.Plain > limit || h.Stored > limit+limit/128:
		return malformed(h.Offset, "%v payload of %d bytes in %d, at most %d are supported", h.Kind, h.Plain, h.Stored, limit)
	case m.total > MaxMetadata:
		return malformed(h.Offset, "metadata of more than %d bytes", MaxMetadata)
	}
	return nil
}

func (m *metadata) decode(h PayloadHeader) ([]byte, error) {
	if _, err := scanFrame(offsetReader{bytes.NewReader(m.stored), h.start()}, h); err != nil {
		return nil, err
	}
	if m.decoder == nil {
		// The window is not limited: decoding into one buffer allocates none.
		decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderMaxWindow(MaxWindow))
		if err != nil {
			return nil, err
		}
		m.decoder = decoder
	}
	m.plain = sized(m.plain, h.Plain)
	got, err := m.decoder.DecodeAll(m.stored, m.plain[:0:h.Plain])
	if err != nil {
		return nil, &FormatError{h.start(), "decompress " + h.Kind.String() + " payload", err}
	}
	if uint64(len(got)) != h.Plain {
		return nil, malformed(h.start(), "%v payload decompresses to %d bytes, want %d", h.Kind, len(got), h.Plain)
	}
	return got, nil
}

func checksumError(h PayloadHeader, got uint64) error {
	return malformed(h.start(), "%v payload has checksum %016x, its header says %016x", h.Kind, got, h.Checksum)
}

func sized(b []byte, n uint64) []byte {
	if uint64(cap(b)) < n {
		return make([]byte, n)
	}
	return b[:n]
}

// offsetReader serves a part of a file under the file's own offsets.
type offsetReader struct {
	part  io.ReaderAt
	start int64
}

func (r offsetReader) ReadAt(b []byte, offset int64) (int, error) {
	return r.part.ReadAt(b, offset-r.start)
}
