package early

import (
	"bytes"
	"encoding/binary"
	"io"
	"strings"
)

// assembled are the kinds of content that are only a part of something: a
// program makes a device from them, and what it is. None of these programs is
// in our image.
func assembled(kind string) (what string, ok bool) {
	what, ok = map[string]string{
		"LVM2_member":       "an LVM physical volume",
		"linux_raid_member": "a part of a Linux software RAID (md)",
		"bcache":            "a part of a bcache device",
		"zfs_member":        "a part of a ZFS pool",
		"isw_raid_member":   "a part of a firmware RAID (Intel)",
		"ddf_raid_member":   "a part of a firmware RAID (DDF)",
	}[kind]
	return what, ok
}

// probeLVM: a label in one of the first four sectors. It says where the volume's
// UUID is, 32 letters that are shown in groups.
func probeLVM(b block) (superblock, bool) {
	for sector := 0; sector < 4*512; sector += 512 {
		if b.has(sector, "LABELONE") && b.has(sector+24, "LVM2 001") {
			raw, groups := b.text(sector+int(min(b.le32(sector+20), 480)), 32), []string(nil)
			for _, n := range []int{6, 4, 4, 4, 4, 4, 6} {
				n = min(n, len(raw))
				groups, raw = append(groups, raw[:n]), raw[n:]
			}
			return superblock{Type: "LVM2_member", UUID: strings.Trim(strings.Join(groups, "-"), "-")}, true
		}
	}
	return superblock{}, false
}

const mdMagic = 0xa92b4efc

// probeMD: md(4), version 1.1 at the front and 1.2 at 4 KiB.
func probeMD(b block) (superblock, bool) {
	for _, at := range []int{0, 4096} {
		if sb, ok := mdAt(b, at, int64(at)); ok {
			return sb, true
		}
	}
	return superblock{}, false
}

// mdAt reads a superblock of version 1, which says where it is on its device:
// what lies there for another one, such as the disk of a partition, is not it.
func mdAt(b block, at int, place int64) (superblock, bool) {
	sb := superblock{Type: "linux_raid_member", UUID: b.uuid(at + 16), Label: b.text(at+32, 32)}
	return sb, b.le32(at) == mdMagic && b.le32(at+4) == 1 && b.le64(at+144) == uint64(place)/512
}

// probeEnd finds the RAIDs that describe themselves at the end of their parts: md
// of version 1.0 and 0.90. The front of such a part looks like the whole file
// system, and mounting one of them alone is how a mirror falls apart.
func probeEnd(r io.ReaderAt, size int64) (superblock, bool) {
	const early, late = 64 << 10, 8 << 10
	at := func(off int64, n int) block {
		data := make([]byte, n)
		if off < 0 {
			return nil
		}
		got, _ := r.ReadAt(data, off)
		return data[:got]
	}
	place := (size - late) &^ (4<<10 - 1)
	if sb, ok := mdAt(at(place, 512), 0, place); ok {
		return sb, true
	}
	if b := at(size&^(early-1)-early, 512); b.le32(0) == mdMagic && b.le32(4) == 0 {
		return superblock{Type: "linux_raid_member"}, true
	}
	return superblock{}, false
}

// probeDiskEnd finds the RAIDs of whole disks, whose partitions the kernel shows on
// each part as well. A new GPT on such a disk writes over all three, so that none is
// a leftover; md 0.90 is not looked for, for that of a last partition lies in the
// same place. The others: blkid's isw_raid and ddf_raid.
func probeDiskEnd(r io.ReaderAt, size, sector int64) (superblock, bool) {
	at := func(off int64) block {
		data := make([]byte, 512)
		got, _ := r.ReadAt(data, max(off, 0))
		return data[:got]
	}
	place := (size - 8<<10) &^ (4<<10 - 1)
	if sb, ok := mdAt(at(place), 0, place); ok {
		return sb, true
	}
	if at(size-2*sector).has(0, "Intel Raid ISM Cfg Sig. ") {
		return superblock{Type: "isw_raid_member"}, true
	}
	return superblock{Type: "ddf_raid_member"}, at(size-512).has(0, "\xde\x11\xde\x11")
}

// probeBcache: include/uapi/linux/bcache.h, struct cache_sb, at 4 KiB; bcachefs
// lies in the same place with the same or another number.
func probeBcache(b block) (superblock, bool) {
	const at = 4096
	switch {
	case b.has(at+24, "\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81"):
		return superblock{Type: "bcache", UUID: b.uuid(at + 40), Label: b.text(at+72, 32)}, true
	case b.has(at+24, "\xc6\x85\x73\xf6\x66\xce\x90\xa9\xd9\x6a\x60\xcf\x80\x3d\xf7\xef"):
		return superblock{Type: "bcachefs", UUID: b.uuid(at + 56), Label: b.text(at+72, 32)}, true
	}
	return superblock{}, false
}

// probeZFS: the list of names and values in the first vdev label, at 16 KiB
// (ZFS On-Disk Specification, 1.3.3). It starts with "version", and has the
// pool's name.
func probeZFS(b block) (superblock, bool) {
	const at, size = 16 << 10, 4 << 10
	if !b.has(at, "\x01") || !b.has(at+20, "\x00\x00\x00\x07version\x00") {
		return superblock{}, false
	}
	sb := superblock{Type: "zfs_member"}
	// A name, its type (9, a string), one of it, its length.
	_, rest, ok := bytes.Cut(b.at(at, size), []byte("\x00\x00\x00\x04name\x00\x00\x00\x09\x00\x00\x00\x01"))
	if ok && len(rest) >= 4 {
		n := min(uint64(binary.BigEndian.Uint32(rest)), uint64(len(rest)-4), 255)
		sb.Label = string(rest[4 : 4+n])
	}
	return sb, true
}
