package esp

import (
	"io"

	"moss/internal/gpt"
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

// readTable reads the partition table of a disk, given its size and the size of
// a logical sector, in bytes.
func readTable(disk io.ReaderAt, size, sector int64) ([]slot, error) {
	t, err := gpt.Read(disk, size, sector)
	if err != nil {
		return nil, err
	}
	if t.MBR() {
		return readMBR(disk, t.Disk, sector)
	}
	var slots []slot
	for _, p := range t.Parts {
		slots = append(slots, slot{Type: p.Type, UUID: p.UUID, First: p.First, Sectors: p.Last - p.First + 1})
	}
	return slots, nil
}

func readAt(disk io.ReaderAt, at int64, n int) ([]byte, error) {
	data := make([]byte, n)
	_, err := io.ReadFull(io.NewSectionReader(disk, at, int64(n)), data)
	return data, err
}
