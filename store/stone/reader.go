package stone

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// Package is everything a file holds except the contents themselves.
type Package struct {
	Type     FileType
	Metas    []Meta
	Layouts  []Layout
	Index    []IndexEntry // in the order of the file's records
	Payloads []PayloadHeader
}

// Meta is the first Meta, which for a binary package is the only one; the zero
// Meta when there is none.
func (p *Package) Meta() Meta {
	if len(p.Metas) == 0 {
		return Meta{}
	}
	return p.Metas[0]
}

// Reader reads one file. Its methods may be called from several goroutines at
// once: each makes its own pass over the file.
type Reader struct {
	src     io.ReaderAt
	closer  io.Closer // nil when the caller owns src
	pkg     Package
	order   []IndexEntry // pkg.Index as Contents visits it
	content *PayloadHeader
}

// Open reads and validates the metadata of the file at path. Close it.
func Open(path string) (*Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	r, err := NewReader(f, info.Size())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read %s: %w", path, err), f.Close())
	}
	r.closer = f
	return r, nil
}

// NewReader is Open for size bytes of src, which must stay readable and
// unchanged while the Reader is used.
func NewReader(src io.ReaderAt, size int64) (*Reader, error) {
	r := &Reader{src: src}
	if err := r.headers(size); err != nil {
		return nil, err
	}
	p := parser{pkg: &r.pkg, meta: metadata{src: src}}
	defer p.meta.close()
	for i := range r.pkg.Payloads {
		h := &r.pkg.Payloads[i]
		if h.Kind == PayloadContent {
			r.content = h
		}
		if err := p.payload(*h); err != nil {
			return nil, err
		}
	}
	if err := p.finish(); err != nil {
		return nil, err
	}
	return r, r.place(p.index)
}

// Package is what was parsed. It is shared: do not change it.
func (r *Reader) Package() *Package { return &r.pkg }

// Close closes the file that Open opened.
func (r *Reader) Close() error {
	if r.closer == nil {
		return nil
	}
	return r.closer.Close()
}

// headers reads the prelude and every payload header, and proves that together
// they account for every byte of the file.
func (r *Reader) headers(size int64) error {
	b := make([]byte, headerSize)
	if size < headerSize {
		return &FormatError{max(size, 0), "prelude", io.ErrUnexpectedEOF}
	}
	if err := readAt(r.src, b, 0); err != nil {
		return err
	}
	kind, count, err := decodePrelude(b)
	if err != nil {
		return err
	}
	r.pkg.Type = kind
	at := int64(headerSize)
	for i := range count {
		if size-at < headerSize {
			return &FormatError{size, fmt.Sprintf("header of payload %d of %d", i+1, count), io.ErrUnexpectedEOF}
		}
		if err := readAt(r.src, b, at); err != nil {
			return err
		}
		h, err := decodeHeader(b, at, size-at-headerSize)
		if err != nil {
			return err
		}
		r.pkg.Payloads = append(r.pkg.Payloads, h)
		at = h.end()
	}
	if at != size {
		return malformed(at, "%d bytes follow the last payload", size-at)
	}
	return nil
}

// place decides in which order contents are visited.
func (r *Reader) place(index PayloadHeader) (err error) {
	var plain uint64
	if r.content != nil {
		plain = r.content.Plain
	}
	r.order, err = inFileOrder(r.pkg.Index, plain, index.start())
	return err
}
