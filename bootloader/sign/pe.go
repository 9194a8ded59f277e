package sign

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// ErrFormat says that a file is no PE image that could carry a signature.
var ErrFormat = errors.New("not a PE file that can be signed")

func badf(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrFormat, fmt.Sprintf(format, args...))
}

// span is a part of a file, in bytes.
type span struct{ from, to int64 }

// image is where the parts of a PE file are that a signature is made of (PE
// format, "Appendix A: Calculating Authenticode PE Image Hash").
type image struct {
	head []byte // the headers: everything before the first section
	size int64  // of the file
	// checksum, certDir, opt and table are offsets into head: the checksum
	// field, the directory entry of the signatures, the optional header and the
	// section table.
	checksum, certDir, opt, table int64
	sections                      []section // in the order of the table
	// data is the end of what is signed: the end of the file or where the
	// signatures begin.
	data int64
	// certs are the signatures, empty without any.
	certs span
}

// section is a row of the section table.
type section struct {
	name            string
	address, memory uint32 // in memory
	offset, length  uint32 // in the file
}

// Limits that no real image comes near: they bound what is read into memory.
const (
	maxHead  = 1 << 20
	maxCerts = 4 << 20
	peOffset = 0x3c // of the address of the PE header, in the DOS header
	coffSize = 24   // "PE\0\0" and the COFF header
	rowSize  = 40
	certRow  = 4 // of the directory: the attribute certificate table
)

// parse finds the parts of a PE file of the given size.
func parse(r io.ReaderAt, size int64) (*image, error) {
	im := &image{size: size}
	if err := im.readHead(r); err != nil {
		return nil, err
	}
	if err := im.readSections(); err != nil {
		return nil, err
	}
	return im, im.findCerts()
}

// readHead reads the headers and finds the fields in them.
func (im *image) readHead(r io.ReaderAt) error {
	dos := make([]byte, peOffset+4)
	if im.size < int64(len(dos)) {
		return badf("it has only %d bytes", im.size)
	}
	if _, err := r.ReadAt(dos, 0); err != nil {
		return fmt.Errorf("read headers: %w", err)
	}
	at := int64(binary.LittleEndian.Uint32(dos[peOffset:]))
	if string(dos[:2]) != "MZ" || at > maxHead || at+coffSize+64 > im.size {
		return badf("no PE header")
	}
	start := make([]byte, at+coffSize+64)
	if _, err := r.ReadAt(start, 0); err != nil {
		return fmt.Errorf("read headers: %w", err)
	}
	if string(start[at:at+4]) != "PE\x00\x00" {
		return badf("no PE header")
	}
	im.opt = at + coffSize
	length := int64(binary.LittleEndian.Uint32(start[im.opt+60:])) // SizeOfHeaders
	if length > maxHead || length > im.size {
		return badf("headers of %d bytes", length)
	}
	im.head = make([]byte, length)
	if _, err := r.ReadAt(im.head, 0); err != nil {
		return fmt.Errorf("read headers: %w", err)
	}
	return im.findFields(at)
}

func (im *image) findFields(at int64) error {
	im.checksum = im.opt + 64
	im.table = im.opt + int64(im.u16(at+20)) // SizeOfOptionalHeader
	var directories int64
	switch magic := im.u16(im.opt); magic {
	case 0x10b: // PE32
		directories = im.opt + 96
	case 0x20b: // PE32+
		directories = im.opt + 112
	default:
		return badf("optional header %#x", magic)
	}
	im.certDir = directories + certRow*8
	rows := int64(im.u16(at + 6))
	switch {
	case im.certDir+8 > im.table || im.table+rows*rowSize > int64(len(im.head)):
		return badf("headers that end too early")
	case im.u32(directories-4) <= certRow: // NumberOfRvaAndSizes
		return badf("no place for signatures in its headers")
	}
	im.sections = make([]section, rows)
	return nil
}

// u16 and u32 read a field of the headers; beyond them everything is 0.
func (im *image) u16(at int64) uint16 {
	if at+2 > int64(len(im.head)) {
		return 0
	}
	return binary.LittleEndian.Uint16(im.head[at:])
}

func (im *image) u32(at int64) uint32 {
	if at+4 > int64(len(im.head)) {
		return 0
	}
	return binary.LittleEndian.Uint32(im.head[at:])
}

func (im *image) readSections() error {
	for i := range im.sections {
		row := im.table + int64(i)*rowSize
		im.sections[i] = section{
			name:   string(cutZero(im.head[row : row+8])),
			memory: im.u32(row + 8), address: im.u32(row + 12),
			length: im.u32(row + 16), offset: im.u32(row + 20),
		}
	}
	end := int64(len(im.head))
	for _, s := range im.onDisk() {
		if int64(s.offset) < end {
			return badf("section %q overlaps what is before it", s.name)
		}
		if end = int64(s.offset) + int64(s.length); end > im.size {
			return badf("section %q ends beyond the file", s.name)
		}
	}
	return nil
}

func cutZero(name []byte) []byte {
	if i := slices.Index(name, 0); i >= 0 {
		return name[:i]
	}
	return name
}

// onDisk are the sections that have bytes in the file, in their order there.
func (im *image) onDisk() []section {
	rows := slices.DeleteFunc(slices.Clone(im.sections), func(s section) bool { return s.length == 0 })
	slices.SortStableFunc(rows, func(a, b section) int { return cmp.Compare(a.offset, b.offset) })
	return rows
}

// findCerts finds the signatures. They have to be the end of the file, for the
// firmware takes everything else for content.
func (im *image) findCerts() error {
	im.data = im.size
	from, length := int64(im.u32(im.certDir)), int64(im.u32(im.certDir+4))
	if length == 0 {
		return nil
	}
	last := int64(len(im.head))
	if rows := im.onDisk(); len(rows) > 0 {
		last = int64(rows[len(rows)-1].offset) + int64(rows[len(rows)-1].length)
	}
	switch {
	case from < last || from%8 != 0 || from+length != im.size:
		return badf("signatures at %d to %d of %d bytes", from, from+length, im.size)
	case length > maxCerts:
		return badf("signatures of %d bytes", length)
	}
	im.data, im.certs = from, span{from, from + length}
	return nil
}
