package esp

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// slot is one partition as the table of its disk describes it.
type slot struct {
	// Type is a GUID, or "0xef" and the like in an MBR, as lsblk prints them.
	Type string
	// UUID is the GUID of the partition; an MBR has but the disk's signature, to
	// which Linux adds the partition's number.
	UUID string
	// First and Sectors are in logical sectors of the disk.
	First, Sectors uint64
}

var errNoTable = errors.New("no partition table")

// Bounds of a GUID partition table (UEFI 2.10, 5.3): an entry has 128 bytes times
// a power of two. The specification asks for room for 128 of them; the bound on
// all together keeps a damaged header from taking all memory.
const (
	gptHeader  = 92
	gptEntry   = 128
	gptTooMuch = 1 << 20
)

// readTable reads the partition table of a disk, given its size and the size of
// a logical sector, in bytes. Of a GPT every checksum must hold; where the first
// copy does not, the one at the end of the disk serves.
func readTable(disk io.ReaderAt, size, sector int64) ([]slot, error) {
	if sector < 512 || sector > 1<<16 || sector&(sector-1) != 0 {
		return nil, fmt.Errorf("unknown sector size %d", sector)
	}
	front, err := readAt(disk, 0, 512)
	if err != nil {
		return nil, err
	}
	if binary.LittleEndian.Uint16(front[510:]) != 0xaa55 {
		return nil, errNoTable
	}
	if !protective(front) {
		return readMBR(disk, front, sector)
	}
	last := size/sector - 1
	slots, err := readGPT(disk, 1, last, sector)
	if err == nil || last < 2 {
		return slots, err
	}
	if slots, second := readGPT(disk, last, last, sector); second == nil {
		return slots, nil
	}
	return nil, fmt.Errorf("damaged GUID partition table: %w", err)
}

// protective says that the MBR is there only to keep old programs off a GPT.
func protective(mbr []byte) bool {
	for i := range 4 {
		if mbr[mbrEntries+16*i+4] == 0xee {
			return true
		}
	}
	return false
}

func readGPT(disk io.ReaderAt, at, last, sector int64) ([]slot, error) {
	header, err := readAt(disk, at*sector, int(sector))
	if err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	length := le.Uint32(header[12:])
	if string(header[:8]) != "EFI PART" || length < gptHeader || int64(length) > sector {
		return nil, errors.New("no header")
	}
	sum := le.Uint32(header[16:])
	clear(header[16:20]) // the sum was made with zeros in its place
	if crc32.ChecksumIEEE(header[:length]) != sum {
		return nil, errors.New("wrong checksum of the header")
	}
	if le.Uint64(header[24:]) != uint64(at) {
		return nil, errors.New("header of another place")
	}
	count, unit := uint64(le.Uint32(header[80:])), uint64(le.Uint32(header[84:]))
	first := le.Uint64(header[72:])
	if unit < gptEntry || unit&(unit-1) != 0 || count*unit > gptTooMuch || first < 2 || first > uint64(last) {
		return nil, fmt.Errorf("impossible table of %d entries of %d bytes at sector %d", count, unit, first)
	}
	entries, err := readAt(disk, int64(first)*sector, int(count*unit))
	if err != nil {
		return nil, err
	}
	if crc32.ChecksumIEEE(entries) != le.Uint32(header[88:]) {
		return nil, errors.New("wrong checksum of the entries")
	}
	return gptSlots(entries, int(unit), uint64(last)), nil
}

// gptSlots leaves out what is unused or lies outside the disk, as Linux does.
func gptSlots(entries []byte, unit int, last uint64) []slot {
	var slots []slot
	for ; len(entries) >= unit; entries = entries[unit:] {
		first, end := binary.LittleEndian.Uint64(entries[32:]), binary.LittleEndian.Uint64(entries[40:])
		kind := guid(entries)
		if kind == "00000000-0000-0000-0000-000000000000" || end < first || end > last {
			continue
		}
		slots = append(slots, slot{Type: kind, UUID: guid(entries[16:]), First: first, Sectors: end - first + 1})
	}
	return slots
}

// guid prints a GUID as UEFI stores it: the first three groups little-endian.
func guid(b []byte) string {
	le := binary.LittleEndian
	return fmt.Sprintf("%08x-%04x-%04x-%s-%s", le.Uint32(b), le.Uint16(b[4:]), le.Uint16(b[6:]), hex.EncodeToString(b[8:10]), hex.EncodeToString(b[10:16]))
}

func readAt(disk io.ReaderAt, at int64, n int) ([]byte, error) {
	data := make([]byte, n)
	got, err := disk.ReadAt(data, at)
	if got == n {
		return data, nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return nil, err
}
