package disk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
)

// Many is a raw image with nothing but EFI system partitions, up to 128.
type Many struct {
	Path  string
	Parts []Partition
}

// BuildMany writes such an image. A partition whose Tree is a folder gets a FAT of
// the kind that its size calls for, filled with it; one whose Tree is a file
// is a copy of that file, which must be no larger than Size.
func BuildMany(ctx context.Context, path string, volumes []Volume) (*Many, error) {
	m := &Many{Path: path}
	err := m.partition(volumes)
	for i, v := range volumes {
		if err == nil {
			err = m.fill(ctx, m.Parts[i], v)
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("build disk %s: %w", path, err), removeIfThere(path))
	}
	return m, nil
}

func (m *Many) partition(volumes []Volume) error {
	if len(volumes) > entryCount {
		return fmt.Errorf("%d partitions, a table has %d", len(volumes), entryCount)
	}
	at, entries := int64(align), []entry{}
	for _, v := range volumes {
		p := Partition{GUID: randomGUID(), Label: v.Label, Start: at, Size: (v.Size + align - 1) / align * align}
		m.Parts, entries = append(m.Parts, p), append(entries, p.entry(espType))
		at += p.Size
	}
	if err := removeIfThere(m.Path); err != nil {
		return err
	}
	f, err := os.Create(m.Path)
	if err != nil {
		return err
	}
	err = f.Truncate(at + align)
	if err == nil {
		err = writeTable(f, at+align, randomGUID(), entries)
	}
	return errors.Join(err, f.Close())
}

func (m *Many) fill(ctx context.Context, p Partition, v Volume) error {
	if info, err := os.Stat(v.Tree); err != nil || !info.IsDir() {
		if err == nil && info.Size() > p.Size {
			err = fmt.Errorf("%s has %d bytes, the partition %d", v.Tree, info.Size(), p.Size)
		}
		if err != nil {
			return err
		}
		return run(ctx, "dd", "if="+v.Tree, "of="+m.Path, "bs=1M", "conv=notrunc,sparse", "seek="+strconv.FormatInt(p.Start, 10), "oflag=seek_bytes", "status=none")
	}
	start := strconv.FormatInt(p.Start/sector, 10)
	kind, cluster := fatKind(p.Size)
	mkfs := []string{"--offset", start, "-h", start, "-F", kind, "-s", strconv.FormatInt(cluster, 10)}
	if err := run(ctx, "mkfs.vfat", append(mkfs, m.Path, strconv.FormatInt(p.Size/1024, 10))...); err != nil {
		return err
	}
	return fill(ctx, m.image(p), v.Tree)
}

// fatKind is chosen here because mkfs.vfat goes by the size of the whole disk. The
// number of clusters must fit the kind: firmware tells the kind by it.
func fatKind(size int64) (kind string, clusterSize int64) {
	switch {
	case size < 8<<20:
		return "12", 4
	case size < minESP:
		return "16", 2
	}
	return "32", clusterSectors(size)
}

func (m *Many) image(p Partition) string { return fmt.Sprintf("%s@@%d", m.Path, p.Start) }

// Overlay makes a qcow2 image that shows this one, with clusters so small that a
// cut loses pages and not sixteen of them at once (vm.Config.WriteCache).
func (m *Many) Overlay(ctx context.Context, path string) error {
	return run(ctx, "qemu-img", "create", "-q", "-f", "qcow2", "-o", "cluster_size=4096", "-F", "raw", "-b", m.Path, path)
}

// Extract copies a partition, as an overlay shows it, into a file.
func (m *Many) Extract(ctx context.Context, overlay string, i int, to string) error {
	return extract(ctx, overlay, m.Parts[i].Start, m.Parts[i].Size, to)
}

// Files are those of one partition, while no machine runs on the disk.
func (m *Many) Files(i int) Files { return fat(m.image(m.Parts[i])) }

// FAT are the files of an image that is a FAT file system and nothing else.
func FAT(image string) Files { return fat(image) }
