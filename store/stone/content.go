package stone

import (
	"io"

	"github.com/zeebo/xxh3"
)

// Contents gives every content to visit, in file order, in one pass over the
// package.
//
// visit sees bytes before they are proved, so it must write them under a
// private name. It need not read to the end; what it leaves is read and checked
// for it, and the reader is of no use after visit. A reader that has returned io.EOF has proved this content: a content
// that does not match its hash ends in a FormatError instead. A nil return of
// Contents proves all of them, the payload's checksum and its size. An error of
// visit ends the pass and is returned as it is.
//
// Memory is bounded by StreamWindow. A frame that needs a larger window is
// decoded into an unlinked file in the folder scratch ("" means $TMPDIR, or
// /var/tmp), which needs as many bytes of disk as the package has content; they
// are reserved first, so a full disk is an error here and not a crash.
func (r *Reader) Contents(scratch string, visit func(IndexEntry, io.Reader) error) error {
	var plain plainReader = nothing{}
	if r.content != nil {
		p, err := r.openContent(scratch)
		if err != nil {
			return err
		}
		plain = p
	}
	defer plain.Close()
	pass := pass{src: plain, hasher: NewHasher(), visit: visit, header: r.content}
	for _, e := range r.order {
		if err := pass.entry(e); err != nil {
			return err
		}
	}
	if r.content == nil {
		return nil
	}
	if err := pass.skip(r.content.Plain); err != nil {
		return err
	}
	return plain.Finish()
}

// Check proves every payload's checksum, plain size and every content's hash.
// It keeps nothing; a frame beyond StreamWindow still needs scratch space, see
// Contents, for which it uses the default folder.
func (r *Reader) Check() error { return r.CheckIn("") }

// CheckIn is Check with a folder for scratch space.
func (r *Reader) CheckIn(scratch string) error {
	for _, h := range r.pkg.Payloads {
		if h.known() {
			continue // metadata was proved when the file was opened
		}
		sum := xxh3.New()
		if _, err := io.Copy(sum, section(r.src, h)); err != nil {
			return err
		}
		if sum.Sum64() != h.Checksum {
			return checksumError(h, sum.Sum64())
		}
	}
	return r.Contents(scratch, func(IndexEntry, io.Reader) error { return nil })
}

func section(src io.ReaderAt, h PayloadHeader) *io.SectionReader {
	return io.NewSectionReader(src, h.start(), int64(h.Stored))
}

// plainReader is the content payload's plain bytes, however they are made.
// Read reports every fault as what it is; io.EOF only ever means too few bytes.
type plainReader interface {
	io.Reader
	// Finish proves what only the end shows: that no byte is left, and the
	// checksum of the stored ones.
	Finish() error
	Close() error
}

// nothing is the content of a file that has no content payload.
type nothing struct{}

func (nothing) Read([]byte) (int, error) { return 0, io.EOF }
func (nothing) Finish() error            { return nil }
func (nothing) Close() error             { return nil }

// pass is one walk over the plain bytes.
type pass struct {
	src    plainReader
	header *PayloadHeader
	hasher *Hasher
	visit  func(IndexEntry, io.Reader) error
	pos    uint64
	buf    []byte
}

func (p *pass) entry(e IndexEntry) error {
	if e.Size() > 0 {
		if err := p.skip(e.Start); err != nil {
			return err
		}
	}
	p.hasher.Reset()
	r := &entryReader{pass: p, entry: e, left: e.Size()}
	if err := p.visit(e, r); err != nil {
		return err
	}
	_, err := r.WriteTo(io.Discard)
	return err
}

// skip moves to plain byte to; bytes that no entry claims are only counted.
func (p *pass) skip(to uint64) error {
	for p.pos < to {
		buf := p.buffer()
		n, err := p.src.Read(buf[:min(to-p.pos, uint64(len(buf)))])
		p.pos += uint64(n)
		if err != nil && p.pos < to {
			return p.fault(err)
		}
	}
	return nil
}

func (p *pass) fault(err error) error {
	if err == io.EOF {
		return malformed(p.header.Offset+8, "content ends after %d bytes, its header says %d", p.pos, p.header.Plain)
	}
	return err
}

func (p *pass) buffer() []byte {
	if p.buf == nil {
		p.buf = make([]byte, maxBlock)
	}
	return p.buf
}

// entryReader serves one content and proves it at its end.
type entryReader struct {
	pass  *pass
	entry IndexEntry
	left  uint64
	err   error
}

func (r *entryReader) Read(b []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	if r.left == 0 {
		r.err = r.prove()
		return 0, r.err
	}
	n, err := r.pass.src.Read(b[:min(r.left, uint64(len(b)))])
	_, _ = r.pass.hasher.Write(b[:n])
	r.left -= uint64(n)
	r.pass.pos += uint64(n)
	if err != nil && r.left > 0 {
		r.err = r.pass.fault(err)
	}
	return n, r.err
}

// WriteTo lets io.Copy use the pass's own buffer: packages have thousands of
// small files, and a new buffer for each would be most of what is allocated.
func (r *entryReader) WriteTo(w io.Writer) (total int64, err error) {
	for {
		buf := r.pass.buffer()
		n, readErr := r.Read(buf)
		written, err := w.Write(buf[:n])
		total += int64(written)
		switch {
		case err != nil:
			return total, err
		case readErr == io.EOF:
			return total, nil
		case readErr != nil:
			return total, readErr
		}
	}
}

func (r *entryReader) prove() error {
	if got := r.pass.hasher.Sum(); got != r.entry.Hash {
		offset := int64(0)
		if r.pass.header != nil {
			offset = r.pass.header.start()
		}
		return malformed(offset, "content %v (plain bytes %d to %d) has hash %v", r.entry.Hash, r.entry.Start, r.entry.End, got)
	}
	return io.EOF
}
