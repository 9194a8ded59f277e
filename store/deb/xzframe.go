package deb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// The frame of an .xz stream (The .xz File Format 1.2.1, sections 2 to 4).
const (
	xzHeaderMagic = "\xfd7zXZ\x00"
	xzFooterMagic = "YZ"
	xzEdge        = 12      // bytes of the stream header, and of the footer
	xzMaxIndex    = 1 << 20 // bytes; 20 a block of 24 MiB is what dpkg-deb writes
	xzLZMA2       = 0x21    // the only filter that dpkg writes
)

var errXZFrame = errors.New("xz: stream frame is damaged")

type xzFooter struct {
	check     byte
	indexOff  int64
	indexSize int64
}

// readXZFooter checks both ends of a stream that must fill the section: dpkg
// writes one stream, and a second one would not be in the first one's index.
func readXZFooter(in *io.SectionReader) (xzFooter, error) {
	var head, foot [xzEdge]byte
	if in.Size() < 2*xzEdge {
		return xzFooter{}, io.ErrUnexpectedEOF
	}
	if err := readAt(in, head[:], 0); err != nil {
		return xzFooter{}, err
	}
	if err := readAt(in, foot[:], in.Size()-xzEdge); err != nil {
		return xzFooter{}, err
	}
	if string(head[:6]) != xzHeaderMagic || string(foot[10:]) != xzFooterMagic ||
		!crcIs(head[6:8], head[8:]) || !crcIs(foot[4:10], foot[:4]) ||
		!bytes.Equal(head[6:8], foot[8:10]) || head[6] != 0 {
		return xzFooter{}, errXZFrame
	}
	f := xzFooter{check: head[7], indexSize: (int64(binary.LittleEndian.Uint32(foot[4:])) + 1) * 4}
	f.indexOff = in.Size() - xzEdge - f.indexSize
	if f.indexSize < 8 || f.indexSize > xzMaxIndex || f.indexOff < xzEdge {
		return xzFooter{}, errXZFrame
	}
	return f, nil
}

func crcIs(b, sum []byte) bool {
	return crc32.ChecksumIEEE(b) == binary.LittleEndian.Uint32(sum)
}

// readXZBlocks reads the index and every block's header.
func readXZBlocks(in *io.SectionReader, foot xzFooter, checkSize int) ([]xzBlock, error) {
	index := make([]byte, foot.indexSize)
	if err := readAt(in, index, foot.indexOff); err != nil {
		return nil, err
	}
	body, sum := index[:len(index)-4], index[len(index)-4:]
	if body[0] != 0 || !crcIs(body, sum) {
		return nil, errXZFrame
	}
	nums := varints{b: body[1:]}
	count := nums.next()
	var blocks []xzBlock
	at, total := int64(xzEdge), int64(0)
	for range min(count, uint64(len(body))) {
		unpadded, plain := int64(nums.next()), int64(nums.next())
		if nums.bad || unpadded <= 0 || plain < 0 || unpadded > foot.indexOff-at {
			return nil, errXZFrame
		}
		b, err := readXZBlock(in, at, unpadded-int64(checkSize))
		if err != nil {
			return nil, fmt.Errorf("block at byte %d: %w", at, err)
		}
		b.plain = plain
		if total += min(plain, maxData+1); total > maxData {
			return nil, errTooLarge
		}
		blocks = append(blocks, b)
		at += (unpadded + 3) &^ 3
	}
	if at != foot.indexOff || uint64(len(blocks)) != count {
		return nil, errXZFrame
	}
	return blocks, nil
}

// readXZBlock reads the header of the block at off, whose header and data take
// size bytes.
func readXZBlock(in *io.SectionReader, off, size int64) (xzBlock, error) {
	var buf [1024]byte
	if err := readAt(in, buf[:1], off); err != nil {
		return xzBlock{}, err
	}
	n := (int64(buf[0]) + 1) * 4
	// A zero here is the mark of the index, not a header of four bytes.
	if buf[0] == 0 || n >= size {
		return xzBlock{}, errXZFrame
	}
	head := buf[:n]
	if err := readAt(in, head, off); err != nil {
		return xzBlock{}, err
	}
	if !crcIs(head[:n-4], head[n-4:]) {
		return xzBlock{}, errXZFrame
	}
	dict, err := xzDict(head[1 : n-4])
	// The check is aligned: up to three zero bytes stand before it.
	return xzBlock{off: off + n, packed: size - n, checkOff: off + (size+3)&^3, dict: dict}, err
}

// xzDict reads the filter list of a block header: exactly one, LZMA2, whose
// property byte is the size of the dictionary (section 5.3.1).
func xzDict(head []byte) (int, error) {
	flags := head[0]
	if flags&0x3f != 0 {
		return 0, errors.New("xz: filters besides LZMA2 are not supported")
	}
	nums := varints{b: head[1:]}
	for _, sized := range []byte{0x40, 0x80} {
		if flags&sized != 0 {
			nums.next() // the index says it again, and that one is checked
		}
	}
	id, props := nums.next(), nums.next()
	if nums.bad || id != xzLZMA2 || props != 1 || len(nums.b) == 0 || nums.b[0] > 40 {
		return 0, errors.New("xz: filters besides LZMA2 are not supported")
	}
	bits := nums.b[0]
	size := int64(2|bits&1) << (bits/2 + 11)
	if size > maxWindow {
		return 0, fmt.Errorf("xz: wants a dictionary of %d MiB, at most %d are allowed", size>>20, maxWindow>>20)
	}
	return int(size), nil
}

// varints reads the format's multibyte integers; bad stays set after the first
// malformed one.
type varints struct {
	b   []byte
	bad bool
}

func (v *varints) next() uint64 {
	n, used := binary.Uvarint(v.b)
	if used <= 0 || n > 1<<62 {
		v.bad = true
		return 0
	}
	v.b = v.b[used:]
	return n
}
