package esp

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
)

const (
	mbrEntries = 0x1be
	// mbrChain is how many logical partitions are looked at: a damaged chain can
	// be a ring.
	mbrChain = 128
)

// readMBR lists the primary partitions of an MBR and the logical ones of its
// extended partition. An unused entry has the type 0.
func readMBR(disk io.ReaderAt, signature string, sector int64) ([]slot, error) {
	front, err := readAt(disk, 0, 512)
	if err != nil {
		return nil, err
	}
	var slots []slot
	for i := range 4 {
		one := mbrSlot(front, i, 0)
		switch {
		case one.Sectors == 0 || one.Type == "0x00":
		case extended(one):
			slots = append(slots, logical(disk, one.First, sector)...)
		default:
			slots = append(slots, one)
		}
	}
	for i := range slots {
		slots[i].UUID = signature
	}
	return slots, nil
}

// logical follows the chain of an extended partition: each link has an entry
// relative to itself and one for the next link, relative to the start of all.
func logical(disk io.ReaderAt, start uint64, sector int64) []slot {
	var slots []slot
	at := start
	for range mbrChain {
		link, err := readAt(disk, int64(at)*sector, 512)
		if err != nil || binary.LittleEndian.Uint16(link[510:]) != 0xaa55 {
			break
		}
		if one := mbrSlot(link, 0, at); one.Sectors != 0 && one.Type != "0x00" {
			slots = append(slots, one)
		}
		next := mbrSlot(link, 1, start)
		if !extended(next) || next.Sectors == 0 {
			break
		}
		at = next.First
	}
	return slots
}

func mbrSlot(sector []byte, i int, base uint64) slot {
	raw := sector[mbrEntries+16*i:]
	return slot{
		Type:    fmt.Sprintf("0x%02x", raw[4]),
		First:   base + uint64(binary.LittleEndian.Uint32(raw[8:])),
		Sectors: uint64(binary.LittleEndian.Uint32(raw[12:])),
	}
}

func extended(s slot) bool { return slices.Contains([]string{"0x05", "0x0f", "0x85"}, s.Type) }
