package disk

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Layout describes a disk to build. Identities that are empty are random.
type Layout struct {
	GUID string
	ESP  Volume
	Root Volume

	// XBOOTLDR is a third partition, after the root; none when its size is 0.
	XBOOTLDR Volume
}

// Volume describes a partition and the file system in it.
type Volume struct {
	Size  int64  // bytes, rounded up to whole MiB; an ESP needs 34 MiB or more
	Tree  string // folder whose content fills the file system; empty for none
	Label string // of both the partition and the file system; at most 11 characters on the ESP
	GUID  string // of the partition
	UUID  string // of the file system; 1234-ABCD on the ESP

	// Type is the root's file system: ext4, or empty for it. mkfs fills no other
	// kind with hard links, owners and extended attributes without a mount.
	Type string
}

// Build writes a raw, sparse image to path, replacing what was there. Modes,
// owners, hard links, symlinks and extended attributes, file capabilities too,
// of the root's tree are kept; reading them needs root.
func Build(ctx context.Context, path string, layout Layout) (*Disk, error) {
	layout.complete()
	d, err := layout.disk(path)
	if err == nil {
		err = errors.Join(d.partition(), d.fill(ctx, layout))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("build disk %s: %w", path, err), removeIfThere(path))
	}
	return d, nil
}

func (l *Layout) complete() {
	for _, id := range []*string{&l.GUID, &l.ESP.GUID, &l.Root.GUID, &l.Root.UUID, &l.XBOOTLDR.GUID} {
		if *id == "" {
			*id = randomGUID()
		}
		*id = strings.ToLower(*id)
	}
	for _, v := range []*Volume{&l.ESP, &l.XBOOTLDR} {
		if v.UUID == "" {
			serial := make([]byte, 4)
			_, _ = rand.Read(serial) // never fails since Go 1.24
			v.UUID = fmt.Sprintf("%X-%X", serial[:2], serial[2:])
		}
	}
	for _, v := range []*Volume{&l.ESP, &l.Root, &l.XBOOTLDR} {
		v.Size = (v.Size + align - 1) / align * align
	}
}

func (l *Layout) disk(path string) (*Disk, error) {
	if l.Root.Type != "" && l.Root.Type != "ext4" {
		return nil, fmt.Errorf("root file system %q: only ext4 can be filled without a mount", l.Root.Type)
	}
	if l.ESP.Size < minESP || l.Root.Size <= 0 {
		return nil, fmt.Errorf("sizes %d and %d: an ESP of %d bytes and a root of any size are the least", l.ESP.Size, l.Root.Size, minESP)
	}
	if l.XBOOTLDR.Size > 0 && l.XBOOTLDR.Size < minESP {
		return nil, fmt.Errorf("size %d: an XBOOTLDR has %d bytes at least", l.XBOOTLDR.Size, minESP)
	}
	d := &Disk{Path: path, GUID: l.GUID}
	d.ESP = Partition{GUID: l.ESP.GUID, Label: l.ESP.Label, UUID: l.ESP.UUID, Start: align, Size: l.ESP.Size}
	d.Root = Partition{GUID: l.Root.GUID, Label: l.Root.Label, UUID: l.Root.UUID, Start: align + l.ESP.Size, Size: l.Root.Size}
	if v := l.XBOOTLDR; v.Size > 0 {
		d.XBOOTLDR = Partition{GUID: v.GUID, Label: v.Label, UUID: v.UUID, Start: d.Root.Start + d.Root.Size, Size: v.Size}
	}
	return d, nil
}

// partition makes the sparse file and its table. The last MiB is the backup's.
func (d *Disk) partition() error {
	if err := removeIfThere(d.Path); err != nil {
		return err
	}
	f, err := os.Create(d.Path)
	if err != nil {
		return err
	}
	size := d.Root.Start + d.Root.Size + d.XBOOTLDR.Size + align
	entries := []entry{d.ESP.entry(espType), d.Root.entry(rootType)}
	if d.XBOOTLDR.Size > 0 {
		entries = append(entries, d.XBOOTLDR.entry(bootType))
	}
	err = f.Truncate(size)
	if err == nil {
		err = writeTable(f, size, d.GUID, entries)
	}
	return errors.Join(err, f.Close())
}

func (p Partition) entry(kind string) entry {
	return entry{kind, p.GUID, p.Label, uint64(p.Start / sector), uint64((p.Start+p.Size)/sector) - 1}
}

func (d *Disk) fill(ctx context.Context, l Layout) error {
	if err := d.makeFAT(ctx, d.ESP, l.ESP); err != nil {
		return err
	}
	if d.XBOOTLDR.Size > 0 {
		if err := d.makeFAT(ctx, d.XBOOTLDR, l.XBOOTLDR); err != nil {
			return err
		}
	}
	return d.makeExt4(ctx, l.Root)
}

// minESP is the least size for which mkfs.vfat can make a FAT32 that is one by
// its number of clusters too (65,525), the only measure that firmware has.
const minESP = 34 << 20

func (d *Disk) makeFAT(ctx context.Context, p Partition, v Volume) error {
	args := []string{"-F", "32", "-s", fmt.Sprint(clusterSectors(v.Size)), "-i", strings.ReplaceAll(v.UUID, "-", ""),
		// The hidden sectors are the partition's start, as for a real disk.
		"--offset", fmt.Sprint(p.Start / sector), "-h", fmt.Sprint(p.Start / sector)}
	if v.Label != "" {
		args = append(args, "-n", strings.ToUpper(v.Label))
	}
	if err := run(ctx, "mkfs.vfat", append(args, d.Path, fmt.Sprint(v.Size/1024))...); err != nil || v.Tree == "" {
		return err
	}
	names, err := os.ReadDir(v.Tree)
	if err != nil || len(names) == 0 {
		return err
	}
	args = []string{"-s", "-m", "-Q", "-i", d.image(p)}
	for _, name := range names {
		args = append(args, filepath.Join(v.Tree, name.Name()))
	}
	return run(ctx, "mcopy", append(args, "::/")...)
}

// clusterSectors is the largest cluster, up to 4 KiB, that leaves enough of them
// for FAT32.
func clusterSectors(size int64) int64 {
	n := int64(8)
	for n > 1 && size/sector/n < 66000 {
		n /= 2
	}
	return n
}

func (d *Disk) image(p Partition) string { return fmt.Sprintf("%s@@%d", d.Path, p.Start) }

func (d *Disk) rootImage() string { return fmt.Sprintf("%s?offset=%d", d.Path, d.Root.Start) }

func (d *Disk) makeExt4(ctx context.Context, v Volume) error {
	// The file is sparse, so its zeros need not be written; and discarding
	// would start at the file's beginning, not at the offset.
	extended := fmt.Sprintf("offset=%d,nodiscard,assume_storage_prezeroed=1", d.Root.Start)
	args := []string{"-q", "-F", "-b", "4096", "-m", "0", "-U", v.UUID, "-L", v.Label, "-E", extended}
	if v.Tree != "" {
		args = append(args, "-d", v.Tree)
	}
	return run(ctx, "mkfs.ext4", append(args, d.Path, fmt.Sprintf("%dk", v.Size/1024))...)
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
