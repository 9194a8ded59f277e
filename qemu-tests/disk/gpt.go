package disk

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"strings"
	"unicode/utf16"
)

// The numbers are those of the UEFI specification 2.10, chapter 5.
const (
	sector       = 512
	entryCount   = 128
	entrySize    = 128
	tableSectors = entryCount * entrySize / sector
	headerSize   = 92
	revision     = 0x00010000

	// align is where partitions start: 1 MiB, as every partitioner does.
	align = 1 << 20

	espType  = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
	bootType = "bc13c2ff-59e6-4262-a352-b275fd6f7172" // XBOOTLDR in the boot loader specification
	rootType = "4f68bce3-e8cd-4db1-96e7-fbcaf984b709" // root of x86-64 in the discoverable partitions specification
)

// entry is one partition in the table; first and last are sectors, both inside.
type entry struct {
	kind, guid, label string
	first, last       uint64
}

// writeTable writes the protective MBR and both copies of the table into a file
// of the given size in bytes, and nothing in between.
func writeTable(f *os.File, size int64, guid string, entries []entry) error {
	sectors := uint64(size / sector)
	table, err := packEntries(entries)
	if err != nil {
		return err
	}
	primary, err := packHeader(guid, table, 1, sectors-1, 2, sectors)
	if err != nil {
		return err
	}
	backup, err := packHeader(guid, table, sectors-1, 1, sectors-1-tableSectors, sectors)
	if err != nil {
		return err
	}
	for at, data := range map[uint64][]byte{
		0: protective(sectors), 1: primary, 2: table,
		sectors - 1 - tableSectors: table, sectors - 1: backup,
	} {
		if _, err := f.WriteAt(data, int64(at)*sector); err != nil {
			return err
		}
	}
	return nil
}

func packEntries(entries []entry) ([]byte, error) {
	table := make([]byte, entryCount*entrySize)
	for i, e := range entries {
		slot := table[i*entrySize : (i+1)*entrySize]
		if err := errors.Join(putGUID(slot[0:], e.kind), putGUID(slot[16:], e.guid)); err != nil {
			return nil, fmt.Errorf("partition %d: %w", i+1, err)
		}
		binary.LittleEndian.PutUint64(slot[32:], e.first)
		binary.LittleEndian.PutUint64(slot[40:], e.last)
		for j, unit := range utf16.Encode([]rune(e.label)) {
			if j == 36 {
				return nil, fmt.Errorf("partition %d: label %q is longer than 36 units", i+1, e.label)
			}
			binary.LittleEndian.PutUint16(slot[56+2*j:], unit)
		}
	}
	return table, nil
}

func packHeader(guid string, table []byte, self, other, tableAt, sectors uint64) ([]byte, error) {
	h := make([]byte, sector)
	copy(h, "EFI PART")
	le := binary.LittleEndian
	le.PutUint32(h[8:], revision)
	le.PutUint32(h[12:], headerSize)
	le.PutUint64(h[24:], self)
	le.PutUint64(h[32:], other)
	le.PutUint64(h[40:], 2+tableSectors)
	le.PutUint64(h[48:], sectors-2-tableSectors)
	if err := putGUID(h[56:], guid); err != nil {
		return nil, fmt.Errorf("disk: %w", err)
	}
	le.PutUint64(h[72:], tableAt)
	le.PutUint32(h[80:], entryCount)
	le.PutUint32(h[84:], entrySize)
	le.PutUint32(h[88:], crc32.ChecksumIEEE(table))
	le.PutUint32(h[16:], crc32.ChecksumIEEE(h[:headerSize]))
	return h, nil
}

// protective is the MBR that keeps old tools from seeing an empty disk.
func protective(sectors uint64) []byte {
	mbr := make([]byte, sector)
	p := mbr[446:]
	copy(p, []byte{0, 0, 2, 0, 0xee, 0xff, 0xff, 0xff})
	binary.LittleEndian.PutUint32(p[8:], 1)
	binary.LittleEndian.PutUint32(p[12:], uint32(min(sectors-1, 0xffffffff)))
	mbr[510], mbr[511] = 0x55, 0xaa
	return mbr
}

// readTable reads the primary table from the first sectors of a disk.
func readTable(head []byte) (guid string, entries []entry, err error) {
	le := binary.LittleEndian
	if len(head) < (2+tableSectors)*sector || !bytes.HasPrefix(head[sector:], []byte("EFI PART")) {
		return "", nil, errors.New("no GUID partition table")
	}
	h, table := head[sector:2*sector], head[2*sector:(2+tableSectors)*sector]
	if le.Uint32(h[88:]) != crc32.ChecksumIEEE(table) {
		return "", nil, errors.New("partition table: wrong checksum")
	}
	for slot := range chunks(table, entrySize) {
		if kind := getGUID(slot); strings.Trim(kind, "0-") != "" {
			entries = append(entries, entry{kind, getGUID(slot[16:]), label(slot[56:]), le.Uint64(slot[32:]), le.Uint64(slot[40:])})
		}
	}
	return getGUID(h[56:]), entries, nil
}

func chunks(data []byte, size int) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for ; len(data) >= size && yield(data[:size]); data = data[size:] {
		}
	}
}

func label(data []byte) string {
	var units []uint16
	for unit := range chunks(data[:72], 2) {
		if u := binary.LittleEndian.Uint16(unit); u != 0 {
			units = append(units, u)
		}
	}
	return string(utf16.Decode(units))
}

// putGUID stores a GUID in its mixed order: the first three groups are little
// endian, the last two are bytes as written.
func putGUID(to []byte, text string) error {
	raw, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	if err != nil || len(raw) != 16 || len(text) != 36 {
		return fmt.Errorf("%q is no GUID", text)
	}
	swapGUID(to, raw)
	return nil
}

func getGUID(from []byte) string {
	raw := make([]byte, 16)
	swapGUID(raw, from)
	return dashed(raw)
}

func dashed(raw []byte) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", raw[:4], raw[4:6], raw[6:8], raw[8:10], raw[10:])
}

func swapGUID(to, from []byte) {
	for i, j := range []int{3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15} {
		to[i] = from[j]
	}
}

// randomGUID is a version 4 UUID.
func randomGUID() string {
	raw := make([]byte, 16)
	_, _ = rand.Read(raw) // never fails since Go 1.24
	raw[6], raw[8] = raw[6]&0x0f|0x40, raw[8]&0x3f|0x80
	return dashed(raw)
}
