package early

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"strings"
	"unicode/utf16"
)

// superblock is what a device says that it holds. The zero value is "nothing
// known".
type superblock struct {
	Type, UUID, Label string
	// Members is how many devices a btrfs spans and Member which of them this is.
	Members, Member uint64
	// Damaged: the checksum of the superblock is wrong. The name still serves to
	// find it, for a check of the file system may put it right from a copy.
	Damaged bool
}

// probeSize is enough for every superblock below: the last is that of btrfs, at
// 64 KiB. One read serves all of them.
const probeSize = 68 << 10

// probe recognises a file system by the first probeSize bytes of its device, or
// by fewer when the device is that small. What cannot be a root file system is
// recognised, too, so that a message can name it. The order matters only where
// an old superblock survives beside a new one. A RAID is made around what is
// there already, so it comes first; every mkfs clears the first kilobytes, so of
// two in there the one that another would have cleared is the older; mkfs.btrfs
// clears 2 MiB, so that a btrfs beside anything else in the front is a leftover.
func probe(data []byte) superblock {
	head := block(data)
	for _, try := range []func(block) (superblock, bool){
		probeMD, probeBcache, probeLUKS, probeLVM, probeSwap, probeF2FS, probeExt, probeXFS, probeOther, probeFAT, probeForeign,
		probeLargeSwap, probeZFS, probeSecondF2FS, probeBtrfs, probeSecondLUKS,
	} {
		if sb, ok := try(head); ok {
			return sb
		}
	}
	return superblock{}
}

// block is the front of a device; reading behind its end gives zeros.
type block []byte

func (b block) at(off, n int) []byte {
	buf := make([]byte, n)
	if off < len(b) {
		copy(buf, b[off:])
	}
	return buf
}

func (b block) has(off int, magic string) bool { return string(b.at(off, len(magic))) == magic }
func (b block) be16(off int) uint16            { return binary.BigEndian.Uint16(b.at(off, 2)) }
func (b block) le16(off int) uint16            { return binary.LittleEndian.Uint16(b.at(off, 2)) }
func (b block) le32(off int) uint32            { return binary.LittleEndian.Uint32(b.at(off, 4)) }
func (b block) le64(off int) uint64            { return binary.LittleEndian.Uint64(b.at(off, 8)) }

// text is a name that ends at the first NUL.
func (b block) text(off, n int) string {
	name, _, _ := bytes.Cut(b.at(off, n), []byte{0})
	return string(name)
}

// uuid is 16 bytes in the order of RFC 9562.
func (b block) uuid(off int) string {
	h := hex.EncodeToString(b.at(off, 16))
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}

// probeExt: Documentation/filesystems/ext4/super.rst. The three types differ in
// their features; a journal device of its own is none of them.
func probeExt(b block) (superblock, bool) {
	const at = 1024
	compatible, incompatible, readOnly := b.le32(at+0x5c), b.le32(at+0x60), b.le32(at+0x64)
	const journal, journalDevice = 0x4, 0x8
	if b.le16(at+0x38) != 0xef53 || incompatible&journalDevice != 0 {
		return superblock{}, false
	}
	kind := "ext2"
	if compatible&journal != 0 {
		kind = "ext3"
	}
	// What ext3 knows: filetype, recover, meta_bg; sparse_super, large_file, btree_dir.
	if incompatible&^0x16 != 0 || readOnly&^0x7 != 0 {
		kind = "ext4"
	}
	sb := superblock{Type: kind, UUID: b.uuid(at + 0x68), Label: b.text(at+0x78, 16)}
	const checksums = 0x400
	sb.Damaged = readOnly&checksums != 0 && ^castagnoli(b.at(at, 0x3fc)) != b.le32(at+0x3fc)
	return sb, true
}

// castagnoli is the checksum of Linux's file systems: ext4 stores it as it is,
// without the last inversion that others do.
func castagnoli(data []byte) uint32 { return crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli)) }

// probeXFS: fs/xfs/libxfs/xfs_format.h, struct xfs_dsb. Version 5 has a checksum
// of the sector, made with zeros in its own place.
func probeXFS(b block) (superblock, bool) {
	sb := superblock{Type: "xfs", UUID: b.uuid(32), Label: b.text(108, 12)}
	if size := int(b.be16(102)); b.be16(100)&0xf == 5 && size >= 512 && size <= 32<<10 {
		sector := b.at(0, size)
		clear(sector[224:228])
		sb.Damaged = castagnoli(sector) != b.le32(224)
	}
	return sb, b.has(0, "XFSB")
}

// probeBtrfs: fs/btrfs, struct btrfs_super_block; 0xc9 is its dev_item. A copy
// that says that it belongs elsewhere is data. Of the kinds of checksum only
// the default one is looked at.
func probeBtrfs(b block) (superblock, bool) {
	const at = 64 << 10
	sb := superblock{Type: "btrfs", UUID: b.uuid(at + 0x20), Label: b.text(at+0x12b, 256)}
	sb.Members, sb.Member = b.le64(at+0x88), b.le64(at+0xc9)
	sb.Damaged = b.le16(at+0xc4) == 0 && castagnoli(b.at(at+0x20, 4096-0x20)) != b.le32(at)
	return sb, b.has(at+0x40, "_BHRfS_M") && b.le64(at+0x30) == at
}

// probeF2FS: include/linux/f2fs_fs.h, struct f2fs_super_block.
func probeF2FS(b block) (superblock, bool) { return f2fsAt(b, 1024) }

// probeSecondF2FS finds the copy that the kernel takes when the first is gone.
func probeSecondF2FS(b block) (superblock, bool) { return f2fsAt(b, 4096+1024) }

func f2fsAt(b block, at int) (superblock, bool) {
	return superblock{Type: "f2fs", UUID: b.uuid(at + 0x6c), Label: utf16Text(b.at(at+0x7c, 1024)), Damaged: at != 1024}, b.le32(at) == 0xf2f52010
}

// probeFAT: the boot sector, whose signature many other things carry as well;
// therefore the type's name must be there and the numbers must make sense.
func probeFAT(b block) (superblock, bool) {
	id, label := 39, 43
	if b.has(82, "FAT32   ") {
		id, label = 67, 71
	} else if !b.has(54, "FAT12   ") && !b.has(54, "FAT16   ") {
		return superblock{}, false
	}
	sector, cluster, tables, medium := b.le16(11), b.at(13, 1)[0], b.at(16, 1)[0], b.at(21, 1)[0]
	sane := sector >= 512 && sector <= 4096 && sector&(sector-1) == 0 && cluster != 0 && cluster&(cluster-1) == 0 &&
		b.le16(14) != 0 && tables != 0 && (medium == 0xf0 || medium >= 0xf8)
	sb := superblock{Type: "vfat", UUID: fmt.Sprintf("%04X-%04X", b.le16(id+2), b.le16(id))}
	if name := strings.TrimRight(b.text(label, 11), " "); name != "NO NAME" {
		sb.Label = name
	}
	return sb, b.le16(510) == 0xaa55 && sane
}

// probeLUKS: LUKS On-Disk Format 1.2.3 and 2; the UUID is text in both.
func probeLUKS(b block) (superblock, bool) {
	sb := superblock{Type: "crypto_LUKS", UUID: b.text(168, 40)}
	if b.has(6, "\x00\x02") {
		sb.Label = b.text(24, 48)
	}
	return sb, b.has(0, "LUKS\xba\xbe")
}

// probeSecondLUKS finds the second header of LUKS 2 where the first was
// overwritten; it says of itself where it is.
func probeSecondLUKS(b block) (superblock, bool) {
	for at := 16 << 10; at <= 64<<10; at *= 2 {
		if b.has(at, "SKUL\xba\xbe\x00\x02") && binary.BigEndian.Uint64(b.at(at+256, 8)) == uint64(at) {
			return superblock{Type: "crypto_LUKS", UUID: b.text(at+168, 40), Label: b.text(at+24, 48), Damaged: true}, true
		}
	}
	return superblock{}, false
}

// probeSwap: include/linux/swap.h. The signature ends the first page; one that
// holds an image of a sleeping system has another and keeps its names.
func probeSwap(b block) (superblock, bool) { return swapOf(b, 4<<10) }

func swapOf(b block, page int) (superblock, bool) {
	kind := "swap"
	if image(b.at(page-10, 10)) != "" {
		kind = "swsuspend"
	}
	return superblock{Type: kind, UUID: b.uuid(1036), Label: b.text(1052, 16)}, kind != "swap" || b.has(page-10, "SWAPSPACE2")
}

// probeLargeSwap is for the pages of other machines, whose end lies where a file
// system may have a swap file.
func probeLargeSwap(b block) (superblock, bool) {
	for page := 8 << 10; page <= 64<<10; page *= 2 {
		if sb, ok := swapOf(b, page); ok {
			return sb, true
		}
	}
	return superblock{}, false
}

// probeOther knows the read-only types, which the kernel may mount as a root.
func probeOther(b block) (superblock, bool) {
	switch {
	case b.has(0, "hsqs"):
		return superblock{Type: "squashfs"}, true
	case b.le32(1024) == 0xe0f5e1e2:
		return superblock{Type: "erofs", UUID: b.uuid(1024 + 48), Label: b.text(1024+64, 16)}, true
	case b.has(32769, "CD001"):
		return superblock{Type: "iso9660", Label: strings.TrimRight(b.text(32808, 32), " ")}, true
	}
	return superblock{}, false
}

// probeForeign knows what other systems put on disks, for the list that a person
// reads.
func probeForeign(b block) (superblock, bool) {
	switch {
	case b.has(3, "NTFS    "):
		return superblock{Type: "ntfs"}, true
	case b.has(3, "EXFAT   "):
		return superblock{Type: "exfat"}, true
	case b.has(3, "-FVE-FS-"):
		return superblock{Type: "BitLocker"}, true
	}
	return superblock{}, false
}

// utf16Text decodes little-endian UTF-16 up to the first zero.
func utf16Text(data []byte) string {
	var units []uint16
	for ; len(data) >= 2; data = data[2:] {
		unit := binary.LittleEndian.Uint16(data)
		if unit == 0 {
			break
		}
		units = append(units, unit)
	}
	return string(utf16.Decode(units))
}
