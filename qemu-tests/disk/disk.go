// Package disk builds disk images and looks into them without mounting
// anything: a partition table, an EFI system partition and a root file system,
// filled from folders by the file systems' own tools, so that the guest's kernel
// and firmware read what those tools promise.
package disk

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// A Disk is an image and what its partition table says.
type Disk struct {
	Path string // raw or qcow2
	GUID string
	ESP  Partition
	Root Partition

	XBOOTLDR Partition // the zero value when there is none
}

// Partition is a range of the disk. GUID is what Linux calls PARTUUID.
type Partition struct {
	GUID  string
	Label string // of the partition, not of the file system
	Start int64  // bytes
	Size  int64  // bytes

	// UUID is the file system's: of the form 1234-ABCD on the ESP.
	UUID string
}

// Open reads the partition table of an image, and the identities of the file
// systems, so that it tells the same as Build.
func Open(ctx context.Context, path string) (*Disk, error) {
	d, err := open(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("open disk %s: %w", path, err)
	}
	return d, nil
}

func open(ctx context.Context, path string) (*Disk, error) {
	head, err := readRange(ctx, path, 0, (2+tableSectors)*sector)
	if err != nil {
		return nil, err
	}
	guid, entries, err := readTable(head)
	if err != nil {
		return nil, err
	}
	d := &Disk{Path: path, GUID: guid}
	if d.ESP, err = find(entries, espType); err != nil {
		return nil, err
	}
	if d.Root, err = find(entries, rootType); err != nil {
		return nil, err
	}
	// It is there or not: the one error that find has.
	d.XBOOTLDR, _ = find(entries, bootType)
	return d, d.identify(ctx)
}

func find(entries []entry, kind string) (Partition, error) {
	i := slices.IndexFunc(entries, func(e entry) bool { return e.kind == kind })
	if i < 0 {
		return Partition{}, fmt.Errorf("no partition of type %s", kind)
	}
	e := entries[i]
	return Partition{GUID: e.guid, Label: e.label, Start: int64(e.first) * sector, Size: int64(e.last-e.first+1) * sector}, nil
}

// identify reads the identities where the kernel finds them: the serial number
// in FAT32's boot sector, the UUID in ext4's superblock.
func (d *Disk) identify(ctx context.Context) error {
	for _, p := range []*Partition{&d.ESP, &d.XBOOTLDR} {
		if p.Size == 0 {
			continue
		}
		fat, err := readRange(ctx, d.Path, p.Start, sector)
		if err != nil {
			return err
		}
		serial := binary.LittleEndian.Uint32(fat[67:])
		p.UUID = fmt.Sprintf("%04X-%04X", serial>>16, serial&0xffff)
	}
	super, err := readRange(ctx, d.Path, d.Root.Start+1024, 1024)
	if err != nil {
		return err
	}
	d.Root.UUID = dashed(super[104:120])
	return nil
}

// Overlay makes a qcow2 image at path that shows base and keeps what is written
// to it: many machines can start from one base that is never changed.
func Overlay(ctx context.Context, base, path string) error {
	base, err := filepath.Abs(base)
	if err != nil {
		return err
	}
	format, err := imageFormat(base)
	if err != nil {
		return fmt.Errorf("overlay disk: %w", err)
	}
	return run(ctx, "qemu-img", "create", "-q", "-f", "qcow2", "-F", format, "-b", base, path)
}

// Copy makes an independent raw image, holes kept, for tests that change it
// from outside.
func Copy(ctx context.Context, from, to string) error {
	return run(ctx, "cp", "--reflink=auto", "--sparse=always", from, to)
}

// readRange reads bytes of the disk that an image of either format shows.
func readRange(ctx context.Context, path string, start, size int64) ([]byte, error) {
	tmp, err := os.CreateTemp("", "disk-range-")
	if err != nil {
		return nil, err
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()
	if err := extract(ctx, path, start, size, tmp.Name()); err != nil {
		return nil, err
	}
	data := make([]byte, size)
	_, err = tmp.ReadAt(data, 0)
	return data, err
}

// extract copies a range of the disk into a raw file, holes kept. qemu-img does
// it for both formats, so that an overlay is read through to its base.
func extract(ctx context.Context, path string, start, size int64, to string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	format, err := imageFormat(path)
	if err != nil {
		return err
	}
	type node map[string]any
	file := node{"driver": format, "file": node{"driver": "file", "filename": path}}
	source, err := json.Marshal(node{"driver": "raw", "offset": start, "size": size, "file": file})
	if err != nil {
		return err
	}
	return run(ctx, "qemu-img", "convert", "-O", "raw", "json:"+string(source), to)
}
