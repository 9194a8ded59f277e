package esp

import (
	"slices"

	"moss/internal/mount"
)

// Part is a partition, as far as the machine tells. The zero value stands for a
// place that is none, such as a plain folder.
type Part struct {
	// Node is its device node, Name its name in the kernel and Disk that of the
	// disk that it is on, its own when it is the whole of one.
	Node, Name, Disk string
	// UUID is what PARTUUID= of a kernel command line means, in small letters.
	UUID string
	// Type is the GUID of its type in small letters, of an MBR "0xef" and the like;
	// "" when the partition table was not there to be read.
	Type string
	// Number is its place in the table, from 1; First and Sectors are where it
	// lies, in logical sectors of its disk. All are 0 when they are not known.
	Number         int
	First, Sectors uint64
	// FSType is the file system as the kernel names it.
	FSType string
	// Dirty says that it was not unmounted cleanly and may be damaged.
	Dirty bool
	// Ours says that it is mounted for this Boot alone, until Close.
	Ours bool
}

// kind is what the type of a partition makes of it.
type kind int

const (
	kindUnknown kind = iota // nothing tells
	kindSystem              // an ESP
	kindEntries             // XBOOTLDR
	kindOther
)

// kindOf knows the types of the UEFI specification (13.3.1.1, 5.3.3) and of the
// boot loader specification.
func kindOf(id string) kind {
	switch id {
	case "":
		return kindUnknown
	case "c12a7328-f81f-11d2-ba4b-00a0c93ec93b", "0xef":
		return kindSystem
	case "bc13c2ff-59e6-4262-a352-b275fd6f7172", "0xea":
		return kindEntries
	}
	return kindOther
}

// typeName is a type as a person knows it.
func typeName(id string) string {
	names := map[string]string{
		"ebd0a0a2-b9e5-4433-87c0-68b6b72699c7": "Microsoft basic data",
		"0fc63daf-8483-4772-8e79-3d69d8477de4": "Linux file system",
		"c12a7328-f81f-11d2-ba4b-00a0c93ec93b": "EFI system partition",
		"bc13c2ff-59e6-4262-a352-b275fd6f7172": "XBOOTLDR",
		"0x0b":                                 "FAT32", "0x0c": "FAT32 (LBA)", "0x06": "FAT16", "0x83": "Linux",
	}
	if name, ok := names[id]; ok {
		return name
	}
	return id
}

// on describes what is mounted.
func (m *machine) on(point mount.Point) Part {
	p := Part{Node: point.Source}
	if d, ok := m.numbered(point.Major, point.Minor); ok {
		p = m.describe(d)
	}
	p.FSType = point.FSType
	if p.FSType == "vfat" {
		p.Dirty = m.dirty(p, slices.Contains(point.SuperOptions, "ro"))
	}
	return p
}

// of keeps the spots of one kind.
func of(spots []spot, k kind) []spot {
	var some []spot
	for _, one := range spots {
		if kindOf(one.part.Type) == k {
			some = append(some, one)
		}
	}
	return some
}
