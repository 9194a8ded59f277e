package early

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
)

// partition is what a partition table knows of one partition.
type partition struct{ UUID, Label string }

var errNoPartition = errors.New("no such partition in the partition table")

// Bounds of a GUID partition table. The specification has entries of 128 bytes
// times a power of two and asks for room for 128 of them.
const (
	gptHeaderSize  = 92
	gptEntryMin    = 128
	gptEntryMax    = 4096
	gptMaxEntries  = 4096
	gptLabelOffset = 56
	gptLabelSize   = 72
)

// readPartition looks partition number n (from 1) up in the table of a disk
// with the given size and logical sector size in bytes. Linux before 6.12 does
// not tell a partition's UUID to user space in any other way.
func readPartition(disk io.ReaderAt, size int64, sector int64, n int) (partition, error) {
	if sector < 512 || sector > 1<<16 || n < 1 {
		return partition{}, errNoPartition
	}
	front := block(make([]byte, 512))
	if _, err := disk.ReadAt(front, 0); err != nil && !errors.Is(err, io.EOF) {
		return partition{}, err
	}
	protective := false
	for entry := 0x1be; entry < 0x1fe; entry += 16 {
		protective = protective || front.at(entry+4, 1)[0] == 0xee
	}
	if front.le16(0x1fe) != 0xaa55 {
		return partition{}, errNoPartition
	}
	if !protective {
		return partition{UUID: fmt.Sprintf("%08x-%02x", front.le32(0x1b8), n)}, nil
	}
	// The second header, at the end of the disk, is there for a damaged first.
	for _, at := range []int64{sector, size - sector} {
		p, err := readGPT(disk, at, sector, n)
		if err == nil {
			return p, nil
		}
	}
	return partition{}, errNoPartition
}

// readGPT reads one entry by the header at an offset (UEFI 2.10, 5.3).
func readGPT(disk io.ReaderAt, at, sector int64, n int) (partition, error) {
	header := block(make([]byte, gptHeaderSize))
	if _, err := disk.ReadAt(header, at); err != nil {
		return partition{}, err
	}
	if !header.has(0, "EFI PART") || header.le32(12) != gptHeaderSize || !soundHeader(header) {
		return partition{}, errNoPartition
	}
	first, count, size := header.le64(72), header.le32(80), header.le32(84)
	if count > gptMaxEntries || size < gptEntryMin || size > gptEntryMax || uint32(n) > count || first > 1<<40 {
		return partition{}, errNoPartition
	}
	entry := block(make([]byte, gptEntryMin))
	if _, err := disk.ReadAt(entry, int64(first)*sector+int64(n-1)*int64(size)); err != nil {
		return partition{}, err
	}
	if entry.has(0, strings.Repeat("\x00", 16)) {
		return partition{}, errNoPartition
	}
	return partition{UUID: guid(entry.at(16, 16)), Label: utf16Text(entry.at(gptLabelOffset, gptLabelSize))}, nil
}

// soundHeader checks the header's own checksum, which is computed with zeros in
// its place.
func soundHeader(header block) bool {
	sum := header.le32(16)
	clean := append([]byte(nil), header...)
	clear(clean[16:20])
	return crc32.ChecksumIEEE(clean) == sum
}

// guid prints a GUID as UEFI stores it: the first three groups little-endian.
func guid(b []byte) string {
	return fmt.Sprintf("%08x-%04x-%04x-%s-%s", binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint16(b[4:]),
		binary.LittleEndian.Uint16(b[6:]), hex.EncodeToString(b[8:10]), hex.EncodeToString(b[10:16]))
}
