package esp

import (
	"encoding/binary"
	"io"
)

// fat is what the first sector of a FAT file system says, as far as it matters
// here.
type fat struct {
	bits   int   // 12, 16 or 32
	second int64 // where the second entry of the first table is, in bytes
	state  byte  // bit 0: mounted for writing, or not unmounted since
}

// readFAT reads the first sector of a file system; false if it is no FAT. The
// checks are those of Linux (fat_read_bpb in fs/fat/inode.c), which does not ask
// for the signature at the end.
func readFAT(r io.ReaderAt) (fat, bool) {
	b, err := readAt(r, 0, 512)
	if err != nil {
		return fat{}, false
	}
	le := binary.LittleEndian
	unit, cluster, reserved, tables := int64(le.Uint16(b[11:])), int64(b[13]), int64(le.Uint16(b[14:])), int64(b[16])
	if reserved == 0 || tables == 0 || b[21] < 0xf0 || !power(unit) || unit < 512 || unit > 4096 || !power(cluster) {
		return fat{}, false
	}
	slots, length := int64(le.Uint16(b[17:])), int64(le.Uint16(b[22:]))
	if length == 0 {
		return fat{bits: 32, second: reserved*unit + 4, state: b[0x41]}, le.Uint32(b[36:]) != 0
	}
	sectors := int64(le.Uint16(b[19:]))
	if sectors == 0 {
		sectors = int64(le.Uint32(b[32:]))
	}
	data := sectors - reserved - tables*length - (slots*32+unit-1)/unit
	f := fat{bits: 16, second: reserved*unit + 2, state: b[0x25]}
	if data/cluster <= 4084 {
		f.bits = 12
	}
	return f, true
}

func power(n int64) bool { return n > 0 && n&(n-1) == 0 }

// unclean says that a file system which is not mounted was not unmounted, or was
// seen damaged. Linux marks the first sector, Windows clears the two highest bits
// of the second table entry; fsck.fat looks at both. FAT12 has no room for the
// latter.
func (f fat) unclean(r io.ReaderAt) bool {
	if f.state&1 != 0 {
		return true
	}
	entry, err := readAt(r, f.second, 4)
	if err != nil {
		return false
	}
	switch f.bits {
	case 32:
		return binary.LittleEndian.Uint32(entry)&0x0c000000 != 0x0c000000
	case 16:
		return binary.LittleEndian.Uint16(entry)&0xc000 != 0xc000
	}
	return false
}

// isFAT says whether a partition holds a FAT file system.
func (m *machine) isFAT(p Part) bool {
	ok := false
	_ = m.reading(p.Node, func(r io.ReaderAt) error {
		_, ok = readFAT(r)
		return nil
	})
	return ok
}

// dirty says whether a FAT was left unclean. One that is mounted for writing is
// marked for that reason alone: there the kernel's log has to tell.
func (m *machine) dirty(p Part, readable bool) bool {
	if p.Name == "" || !readable {
		return p.Name != "" && m.complained(p.Name)
	}
	bad := false
	_ = m.reading(p.Node, func(r io.ReaderAt) error {
		f, ok := readFAT(r)
		bad = ok && f.unclean(r)
		return nil
	})
	return bad
}
