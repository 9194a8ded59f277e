// Package gpttest lays out disks for tests of what reads their tables.
package gpttest

import (
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"strings"
	"unicode/utf16"

	"moss/internal/gpt"
)

const entry = 128

// Entries is how many bytes the entries of a table take at least; what real
// programs write is larger.
const Entries = 8 * entry

// Disk is a disk of a number of sectors by the UEFI specification: protective
// MBR, a header and the entries at the front, and both again at the end. The
// parts must not be where those are; numbers count from 1.
func Disk(sector, sectors int, id string, parts ...gpt.Part) []byte {
	disk := make([]byte, sector*sectors)
	copy(disk[0x1be+4:], "\xee")
	copy(disk[0x1fe:], "\x55\xaa")
	array := make([]byte, max(Entries, len(parts)*entry))
	for _, p := range parts {
		put(array[(p.Number-1)*entry:], p)
	}
	le, last := binary.LittleEndian, sectors-1
	for at, table := range map[int]int{1: 2, last: last - (len(array)+sector-1)/sector} {
		copy(disk[table*sector:], array)
		header := disk[at*sector:]
		copy(header, "EFI PART\x00\x00\x01\x00\x5c\x00\x00\x00")
		le.PutUint64(header[24:], uint64(at))
		copy(header[56:], rawGUID(id))
		le.PutUint64(header[72:], uint64(table))
		le.PutUint32(header[80:], uint32(len(array)/entry))
		le.PutUint32(header[84:], entry)
		le.PutUint32(header[88:], crc32.ChecksumIEEE(array))
		le.PutUint32(header[16:], crc32.ChecksumIEEE(header[:92]))
	}
	return disk
}

func put(raw []byte, p gpt.Part) {
	copy(raw, rawGUID(p.Type))
	copy(raw[16:], rawGUID(p.UUID))
	binary.LittleEndian.PutUint64(raw[32:], p.First)
	binary.LittleEndian.PutUint64(raw[40:], p.Last)
	binary.LittleEndian.PutUint64(raw[48:], p.Attributes)
	for i, unit := range utf16.Encode([]rune(p.Name)) {
		binary.LittleEndian.PutUint16(raw[56+2*i:], unit)
	}
}

// rawGUID is a GUID as UEFI stores it.
func rawGUID(text string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	if err != nil || len(b) != 16 {
		panic("no GUID: " + text)
	}
	for _, r := range [][2]int{{0, 3}, {1, 2}, {4, 5}, {6, 7}} {
		b[r[0]], b[r[1]] = b[r[1]], b[r[0]]
	}
	return b
}
