package deb

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"

	"github.com/ulikunitz/xz/lzma"
)

// xzReader decodes an .xz stream block by block, along the index at its end.
//
// The library's own container reader takes each block's word for the size of
// its dictionary and allocates that much, up to 4 GiB, before a byte of content
// is seen. Here every block header is read first, at the place where the index
// says it is, and only the LZMA2 data goes to the library.
type xzReader struct {
	in     *io.SectionReader
	check  byte
	blocks []xzBlock // still to be decoded; the first is current when cur is not nil
	src    *bufio.Reader
	cur    io.Reader
	sum    hash.Hash
	n      int64 // plain bytes of the current block so far
}

// xzBlock is where a block's compressed data lies and what it must become.
type xzBlock struct {
	off, packed int64
	checkOff    int64
	plain       int64
	dict        int
}

// openXZ checks the frame of a stream: header, footer, index, and each block's
// header. Content is checked while it is read.
func openXZ(in *io.SectionReader) (*xzReader, error) {
	foot, err := readXZFooter(in)
	if err != nil {
		return nil, err
	}
	x := &xzReader{in: in, check: foot.check, src: bufio.NewReaderSize(nil, 1<<17)}
	if x.sum, err = xzCheck(foot.check); err != nil {
		return nil, err
	}
	x.blocks, err = readXZBlocks(in, foot, x.sum.Size())
	return x, err
}

// xzCheck gives the hash of a check type (The .xz File Format, 2.1.1.2).
func xzCheck(kind byte) (hash.Hash, error) {
	switch kind {
	case 0:
		return noCheck{}, nil
	case 1:
		return crc32.NewIEEE(), nil
	case 4:
		return crc64.New(crc64.MakeTable(crc64.ECMA)), nil
	case 10:
		return sha256.New(), nil
	}
	return nil, fmt.Errorf("xz: check type %d is not known", kind)
}

// noCheck is the empty check of a stream written with --check=none.
type noCheck struct{}

func (noCheck) Write(p []byte) (int, error) { return len(p), nil }
func (noCheck) Sum(b []byte) []byte         { return b }
func (noCheck) Reset()                      {}
func (noCheck) Size() int                   { return 0 }
func (noCheck) BlockSize() int              { return 1 }

// Read implements io.Reader.
func (x *xzReader) Read(p []byte) (int, error) {
	for {
		if x.cur == nil {
			if len(x.blocks) == 0 {
				return 0, io.EOF
			}
			if err := x.start(); err != nil {
				return 0, err
			}
		}
		n, err := x.cur.Read(p)
		x.sum.Write(p[:n])
		if x.n += int64(n); x.n > x.blocks[0].plain {
			return 0, errors.New("xz: block is larger than the index says")
		}
		if err == io.EOF {
			err = x.finish()
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// start opens the first of the blocks.
func (x *xzReader) start() error {
	b := x.blocks[0]
	x.src.Reset(io.NewSectionReader(x.in, b.off, b.packed))
	cur, err := lzma.Reader2Config{DictCap: b.dict}.NewReader2(x.src)
	if err != nil {
		return fmt.Errorf("xz: %w", err)
	}
	x.cur, x.n = cur, 0
	x.sum.Reset()
	return nil
}

// finish proves the block that has just ended.
func (x *xzReader) finish() error {
	b := x.blocks[0]
	end := b.off + b.packed
	tail := make([]byte, b.checkOff-end+int64(x.sum.Size()))
	if err := readAt(x.in, tail, end); err != nil {
		return err
	}
	padding, want := tail[:b.checkOff-end], tail[b.checkOff-end:]
	if x.n != b.plain {
		return fmt.Errorf("xz: block has %d bytes, the index says %d", x.n, b.plain)
	}
	if _, err := x.src.Peek(1); err != io.EOF {
		return errors.New("xz: block goes on after its end mark")
	}
	if len(bytes.Trim(padding, "\x00")) != 0 || !bytes.Equal(x.littleEndianSum(), want) {
		return errors.New("xz: checksum of a block is wrong")
	}
	x.cur, x.blocks = nil, x.blocks[1:]
	return nil
}

// littleEndianSum is the check as the format stores it: the CRCs little endian
// where Go's hash.Hash gives them big endian, SHA-256 as it is.
func (x *xzReader) littleEndianSum() []byte {
	b := x.sum.Sum(nil)
	if x.check == 1 || x.check == 4 {
		for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
			b[i], b[j] = b[j], b[i]
		}
	}
	return b
}
