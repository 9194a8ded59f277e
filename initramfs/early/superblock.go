package early

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf16"
)

// superblock is what a device says that it holds. The zero value is "nothing
// known".
type superblock struct {
	Type, UUID, Label string
	// Members is how many devices a btrfs spans and Member which of them this is.
	Members, Member uint64
}

// probeSize is enough for every superblock below: the last is that of btrfs, at
// 64 KiB. One read serves all of them.
const probeSize = 68 << 10

// probe recognises a file system by the first probeSize bytes of its device, or
// by fewer when the device is that small. What cannot be a root file system is
// recognised, too, so that a message can name it. The order matters only where
// an old superblock may survive beside a new one: those at the very front, which
// every mkfs overwrites, come last.
func probe(data []byte) superblock {
	head := block(data)
	for _, try := range []func(block) (superblock, bool){
		probeLUKS, probeLVM, probeMD, probeBtrfs, probeF2FS, probeExt, probeXFS, probeSwap, probeOther, probeFAT,
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
	return superblock{Type: kind, UUID: b.uuid(at + 0x68), Label: b.text(at+0x78, 16)}, true
}

// probeXFS: fs/xfs/libxfs/xfs_format.h, struct xfs_dsb.
func probeXFS(b block) (superblock, bool) {
	return superblock{Type: "xfs", UUID: b.uuid(32), Label: b.text(108, 12)}, b.has(0, "XFSB")
}

// probeBtrfs: fs/btrfs, struct btrfs_super_block; 0xc9 is its dev_item.
func probeBtrfs(b block) (superblock, bool) {
	const at = 64 << 10
	sb := superblock{Type: "btrfs", UUID: b.uuid(at + 0x20), Label: b.text(at+0x12b, 256)}
	sb.Members, sb.Member = b.le64(at+0x88), b.le64(at+0xc9)
	return sb, b.has(at+0x40, "_BHRfS_M")
}

// probeF2FS: include/linux/f2fs_fs.h, struct f2fs_super_block.
func probeF2FS(b block) (superblock, bool) {
	const at = 1024
	return superblock{Type: "f2fs", UUID: b.uuid(at + 0x6c), Label: utf16Text(b.at(at+0x7c, 1024))}, b.le32(at) == 0xf2f52010
}

// probeFAT: the boot sector, whose signature many other things carry as well;
// therefore the type's name must be there and the sector size must make sense.
func probeFAT(b block) (superblock, bool) {
	id, label := 39, 43
	if b.has(82, "FAT32   ") {
		id, label = 67, 71
	} else if !b.has(54, "FAT12   ") && !b.has(54, "FAT16   ") {
		return superblock{}, false
	}
	sector := b.le16(11)
	sb := superblock{Type: "vfat", UUID: fmt.Sprintf("%04X-%04X", b.le16(id+2), b.le16(id))}
	if name := strings.TrimRight(b.text(label, 11), " "); name != "NO NAME" {
		sb.Label = name
	}
	return sb, b.le16(510) == 0xaa55 && sector >= 512 && sector&(sector-1) == 0
}

// probeLUKS: LUKS On-Disk Format 1.2.3 and 2; the UUID is text in both.
func probeLUKS(b block) (superblock, bool) {
	sb := superblock{Type: "crypto_LUKS", UUID: b.text(168, 40)}
	if b.has(6, "\x00\x02") {
		sb.Label = b.text(24, 48)
	}
	return sb, b.has(0, "LUKS\xba\xbe")
}

// probeLVM: a label in one of the first four sectors.
func probeLVM(b block) (superblock, bool) {
	for sector := 0; sector < 4*512; sector += 512 {
		if b.has(sector, "LABELONE") && b.has(sector+24, "LVM2 001") {
			return superblock{Type: "LVM2_member"}, true
		}
	}
	return superblock{}, false
}

// probeMD: md(4), version 1.1 at the front and 1.2 at 4 KiB.
func probeMD(b block) (superblock, bool) {
	const magic = 0xa92b4efc
	for _, at := range []int{0, 4096} {
		if b.le32(at) == magic && b.le32(at+4) == 1 {
			return superblock{Type: "linux_raid_member", UUID: b.uuid(at + 16), Label: b.text(at+32, 32)}, true
		}
	}
	return superblock{}, false
}

// probeSwap: include/linux/swap.h, with pages of 4 KiB.
func probeSwap(b block) (superblock, bool) {
	return superblock{Type: "swap", UUID: b.uuid(1036), Label: b.text(1052, 16)}, b.has(4086, "SWAPSPACE2")
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
