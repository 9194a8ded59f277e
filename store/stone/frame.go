package stone

import (
	"encoding/binary"
	"errors"
	"io"
	"math/bits"

	"github.com/klauspost/compress/zstd"
)

const (
	frameMagic = 0xFD2FB528
	// maxBlock is Block_Maximum_Size of RFC 8878, section 3.1.1.2.4: what one
	// block can hold at most, stored or plain.
	maxBlock = 128 << 10
)

// frame is what the header and the block headers of a zstd frame say, read
// without decompressing anything.
type frame struct {
	header   int64  // length of the frame header in bytes
	window   uint64 // what the header asks a decoder to keep
	checksum bool   // four bytes follow the last block
	bound    uint64 // no more plain bytes than this can come out
}

// scanFrame walks the one frame that must fill the payload exactly. Counting
// the blocks is what makes the header's sizes safe to act on: a file that
// claims gigabytes must also carry the blocks to hold them.
func scanFrame(r io.ReaderAt, h PayloadHeader) (frame, error) {
	f, err := frameHeader(r, h)
	if err != nil {
		return frame{}, err
	}
	w := blockWalk{src: r, pos: h.start() + f.header, end: h.end()}
	for last := false; !last; {
		if last, err = w.next(); err != nil {
			return frame{}, err
		}
	}
	f.bound = w.bound
	if f.checksum {
		w.pos += 4
	}
	if w.pos != w.end {
		return frame{}, malformed(min(w.pos, w.end), "zstd frame ends at %#x, its payload at %#x", w.pos, w.end)
	}
	if h.Plain > f.bound {
		return frame{}, malformed(h.Offset+8, "%v payload of %d bytes, its blocks can hold at most %d", h.Kind, h.Plain, f.bound)
	}
	return f, nil
}

func frameHeader(r io.ReaderAt, h PayloadHeader) (frame, error) {
	b := make([]byte, min(h.Stored, zstd.HeaderMaxSize))
	if err := readAt(r, b, h.start()); err != nil {
		return frame{}, err
	}
	var z zstd.Header
	err := z.Decode(b)
	if err == nil && z.Skippable {
		err = errors.New("skippable frame")
	}
	if err != nil {
		return frame{}, &FormatError{h.start(), "zstd frame header of the " + h.Kind.String() + " payload", err}
	}
	f := frame{header: int64(z.HeaderSize), window: z.WindowSize, checksum: z.HasCheckSum}
	switch {
	case z.DictionaryID != 0:
		return frame{}, malformed(h.start(), "zstd frame needs dictionary %d", z.DictionaryID)
	case z.HasFCS && z.FrameContentSize != h.Plain:
		return frame{}, malformed(h.start(), "zstd frame holds %d bytes, its payload %d", z.FrameContentSize, h.Plain)
	case z.SingleSegment:
		f.window = z.FrameContentSize
	case f.window > MaxWindow:
		return frame{}, malformed(h.start(), "zstd window of %d bytes, at most %d are supported", f.window, uint64(MaxWindow))
	}
	return f, nil
}

// keep is how many bytes back a decoder must be able to look: never more than
// there are, whatever the header says.
func (f frame) keep(plain uint64) uint64 {
	return min(f.window, max(plain, maxBlock))
}

// streamHeader is a header for the same blocks with the smallest power of two
// for a window that serves them. A decoder allocates the window up front, so
// without this a package of ten files would cost what its header asks for.
func (f frame) streamHeader(plain uint64) []byte {
	b := binary.LittleEndian.AppendUint32(nil, frameMagic)
	exponent := bits.Len64(max(f.keep(plain), zstd.MinWindowSize) - 1)
	return append(b, f.flags(0), byte(exponent-10)<<3)
}

// wholeHeader is a header for the same blocks that makes the whole content the
// window and states its size, so that a decoder can neither need a buffer of
// its own nor write past the plain size.
func (f frame) wholeHeader(plain uint64) []byte {
	b := binary.LittleEndian.AppendUint32(nil, frameMagic)
	b = append(b, f.flags(3<<6|1<<5)) // 8-byte content size, single segment
	return binary.LittleEndian.AppendUint64(b, plain)
}

func (f frame) flags(descriptor byte) byte {
	if f.checksum {
		descriptor |= 1 << 2
	}
	return descriptor
}

// blockWalk steps over the blocks of a frame. Small blocks are found in one
// read of many; behind a large one the next read starts at the next header.
type blockWalk struct {
	src      io.ReaderAt
	pos, end int64
	bound    uint64
	buf      [4096]byte
	at       int64 // file offset of buf
	have     int
}

func (w *blockWalk) next() (last bool, err error) {
	if w.end-w.pos < 3 {
		return false, &FormatError{w.pos, "zstd block header", io.ErrUnexpectedEOF}
	}
	if w.pos < w.at || w.pos+3 > w.at+int64(w.have) {
		w.have = int(min(int64(len(w.buf)), w.end-w.pos))
		w.at = w.pos
		if err := readAt(w.src, w.buf[:w.have], w.at); err != nil {
			w.have = 0
			return false, err
		}
	}
	b := w.buf[w.pos-w.at:]
	head := uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16
	return head&1 != 0, w.block(head>>1&3, int64(head>>3))
}

func (w *blockWalk) block(kind uint32, size int64) error {
	stored, plain := size, size
	switch kind {
	case 1: // one byte, repeated
		stored = 1
	case 2: // compressed
		plain = maxBlock
	case 3:
		return malformed(w.pos, "reserved zstd block type")
	}
	if size > maxBlock {
		return malformed(w.pos, "zstd block of %d bytes, at most %d are allowed", size, maxBlock)
	}
	if stored > w.end-w.pos-3 {
		return malformed(w.pos, "zstd block of %d bytes, its payload has %d left", stored, w.end-w.pos-3)
	}
	w.pos += 3 + stored
	w.bound += uint64(plain)
	return nil
}
