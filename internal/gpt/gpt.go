// Package gpt reads the GUID partition table of a disk (UEFI 2.10, 5.3). PID 1
// links it.
package gpt

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"unicode/utf16"
)

// Table is what a disk says of itself.
type Table struct {
	// Disk is its GUID, or the signature of an MBR in eight digits.
	Disk string
	// Parts are the partitions in the order of their numbers; those of an MBR are
	// not read.
	Parts []Part
}

// Part is one partition. All identifiers are in small letters.
type Part struct {
	Number      int // from 1
	Type, UUID  string
	Name        string
	First, Last uint64 // logical sectors of the disk, both inclusive
	Attributes  uint64
}

// ErrNoTable is what a disk gives that has neither a GPT nor an MBR.
var ErrNoTable = errors.New("no partition table")

// MBR says that the disk has the older kind of table.
func (t Table) MBR() bool { return len(t.Disk) == 8 }

// Part is partition number n. Of an MBR it has but the number and what Linux
// calls its UUID.
func (t Table) Part(n int) (Part, bool) {
	if t.MBR() && n > 0 {
		return Part{Number: n, UUID: fmt.Sprintf("%s-%02x", t.Disk, n)}, true
	}
	for _, p := range t.Parts {
		if p.Number == n {
			return p, true
		}
	}
	return Part{}, false
}

// Bounds of a table: an entry has 128 bytes times a power of two. The
// specification asks for room for 128 of them; the bound on all together keeps a
// damaged header from taking all memory.
const (
	headerSize = 92
	entrySize  = 128
	tooMuch    = 1 << 20
)

// Read reads the partition table of a disk, given its size and the size of a
// logical sector, in bytes. Every checksum of a GPT must hold; where the first
// copy does not, the one at the end of the disk serves.
func Read(disk io.ReaderAt, size, sector int64) (Table, error) {
	if sector < 512 || sector > 1<<16 || sector&(sector-1) != 0 {
		return Table{}, fmt.Errorf("unknown sector size %d", sector)
	}
	front, err := readAt(disk, 0, 512)
	if err != nil {
		return Table{}, err
	}
	if binary.LittleEndian.Uint16(front[510:]) != 0xaa55 {
		return Table{}, ErrNoTable
	}
	if !protective(front) {
		return mbr(front)
	}
	last := size/sector - 1
	t, err := readCopy(disk, 1, last, sector)
	if err == nil {
		return t, nil
	}
	if second, none := readCopy(disk, last, last, sector); last > 1 && none == nil {
		return second, nil
	}
	return Table{}, fmt.Errorf("damaged GUID partition table: %w", err)
}

const mbrEntries = 0x1be

// protective says that the MBR is there only to keep old programs off a GPT.
func protective(front []byte) bool {
	for i := range 4 {
		if front[mbrEntries+16*i+4] == 0xee {
			return true
		}
	}
	return false
}

// mbr knows an MBR from a FAT file system without a table, which ends its first
// sector the same way: only two values are allowed for the flag that starts an
// entry.
func mbr(front []byte) (Table, error) {
	for i := range 4 {
		if front[mbrEntries+16*i]&0x7f != 0 {
			return Table{}, ErrNoTable
		}
	}
	return Table{Disk: fmt.Sprintf("%08x", binary.LittleEndian.Uint32(front[0x1b8:]))}, nil
}

// readCopy reads the table by the header in one sector of a disk, of which last
// is the last.
func readCopy(disk io.ReaderAt, at, last, sector int64) (Table, error) {
	header, err := readAt(disk, at*sector, int(sector))
	if err != nil {
		return Table{}, err
	}
	le := binary.LittleEndian
	length := le.Uint32(header[12:])
	if string(header[:8]) != "EFI PART" || length < headerSize || int64(length) > sector {
		return Table{}, errors.New("no header")
	}
	sum := le.Uint32(header[16:])
	clear(header[16:20]) // the sum was made with zeros in its place
	if crc32.ChecksumIEEE(header[:length]) != sum {
		return Table{}, errors.New("wrong checksum of the header")
	}
	if le.Uint64(header[24:]) != uint64(at) {
		return Table{}, errors.New("header of another place")
	}
	count, unit := uint64(le.Uint32(header[80:])), uint64(le.Uint32(header[84:]))
	first := le.Uint64(header[72:])
	if unit < entrySize || unit&(unit-1) != 0 || count*unit > tooMuch || first < 2 || first > uint64(last) {
		return Table{}, fmt.Errorf("impossible table of %d entries of %d bytes at sector %d", count, unit, first)
	}
	entries, err := readAt(disk, int64(first)*sector, int(count*unit))
	if err != nil {
		return Table{}, err
	}
	if crc32.ChecksumIEEE(entries) != le.Uint32(header[88:]) {
		return Table{}, errors.New("wrong checksum of the entries")
	}
	return Table{guid(header[56:]), parts(entries, int(unit), uint64(last))}, nil
}

// parts leaves out what is unused or lies outside the disk, as Linux does.
func parts(entries []byte, unit int, last uint64) []Part {
	var all []Part
	le := binary.LittleEndian
	for n := 1; len(entries) >= unit; n++ {
		e := entries[:unit]
		entries = entries[unit:]
		p := Part{Number: n, Type: guid(e), First: le.Uint64(e[32:]), Last: le.Uint64(e[40:]), Attributes: le.Uint64(e[48:])}
		if p.Type == "00000000-0000-0000-0000-000000000000" || p.Last < p.First || p.Last > last {
			continue
		}
		p.UUID, p.Name = guid(e[16:]), text(e[56:entrySize])
		all = append(all, p)
	}
	return all
}

// guid prints a GUID as UEFI stores it: the first three groups little-endian.
func guid(b []byte) string {
	le := binary.LittleEndian
	return fmt.Sprintf("%08x-%04x-%04x-%s-%s", le.Uint32(b), le.Uint16(b[4:]), le.Uint16(b[6:]), hex.EncodeToString(b[8:10]), hex.EncodeToString(b[10:16]))
}

// text decodes UTF-16 up to the first zero.
func text(b []byte) string {
	var units []uint16
	for ; len(b) >= 2 && (b[0] != 0 || b[1] != 0); b = b[2:] {
		units = append(units, binary.LittleEndian.Uint16(b))
	}
	return string(utf16.Decode(units))
}

func readAt(disk io.ReaderAt, at int64, n int) ([]byte, error) {
	data := make([]byte, n)
	_, err := io.ReadFull(io.NewSectionReader(disk, at, int64(n)), data)
	return data, err
}
