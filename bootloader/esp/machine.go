package esp

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"moss/internal/mount"
	"moss/internal/sysfs"
)

// machine is where the kernel shows its devices, and what was read of them.
type machine struct {
	sys, dev string // the folders /sys and /dev
	points   []mount.Point
	tables   map[string]table // by the disk's name
}

// table is a partition table, or why there is none.
type table struct {
	slots  []slot
	sector int64
	err    error
}

// device is one block device as sysfs shows it.
type device struct {
	name string // "vda1"; a "!" stands for the "/" in the name of its node
	dir  string // its folder, without links: a partition lies in that of its disk
}

func (m *machine) device(link string) (device, bool) {
	dir, err := filepath.EvalSymlinks(filepath.Join(m.sys, link))
	return device{filepath.Base(dir), dir}, err == nil
}

func (m *machine) numbered(major, minor uint32) (device, bool) {
	return m.device(fmt.Sprintf("dev/block/%d:%d", major, minor))
}

func (m *machine) node(d device) string {
	return filepath.Join(m.dev, strings.ReplaceAll(d.name, "!", "/"))
}

func (d device) isPart() bool {
	_, err := os.Stat(filepath.Join(d.dir, "partition"))
	return err == nil
}

// disk is the device that holds the partition table; a device that is no
// partition is its own.
func (d device) disk() device {
	if !d.isPart() {
		return d
	}
	dir := filepath.Dir(d.dir)
	return device{filepath.Base(dir), dir}
}

// parts lists the partitions of the machine by name, with or without those that
// are on no real disk.
func (m *machine) parts(all bool) []device {
	entries, err := os.ReadDir(filepath.Join(m.sys, "class/block"))
	if err != nil {
		return nil
	}
	var parts []device
	for _, entry := range entries {
		d, ok := m.device("class/block/" + entry.Name())
		if ok && d.isPart() && (all || !imaginary(d.name)) {
			parts = append(parts, d)
		}
	}
	return parts
}

// imaginary disks are files and memory: no firmware starts anything from them, and
// an image that somebody works on can have the identifiers of a real disk.
func imaginary(name string) bool {
	return slices.ContainsFunc([]string{"loop", "ram", "zram"}, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// describe says what is known of a device. sysfs knows no types, and the
// identifier only since Linux 6.12: the table of the disk does.
func (m *machine) describe(d device) Part {
	p := Part{Name: d.name, Node: m.node(d), Disk: d.disk().name}
	if !d.isPart() {
		return p
	}
	p.Number = int(sysfs.Number(filepath.Join(d.dir, "partition")))
	p.UUID = strings.ToLower(sysfs.Event(filepath.Join(d.dir, "uevent"))["PARTUUID"])
	t := m.table(d.disk())
	start := sysfs.Number(filepath.Join(d.dir, "start")) * 512 // the unit of sysfs, whatever that of the disk is
	i := slices.IndexFunc(t.slots, func(s slot) bool { return int64(s.First)*t.sector == start })
	if i < 0 {
		return p
	}
	s := t.slots[i]
	p.Type, p.First, p.Sectors = s.Type, s.First, s.Sectors
	if p.UUID == "" && len(s.UUID) == len("deadbeef") {
		p.UUID = fmt.Sprintf("%s-%02x", s.UUID, p.Number)
	} else if p.UUID == "" {
		p.UUID = s.UUID
	}
	return p
}

func (m *machine) table(disk device) table {
	if t, ok := m.tables[disk.name]; ok {
		return t
	}
	t := table{sector: max(sysfs.Number(filepath.Join(disk.dir, "queue/logical_block_size")), 512)}
	t.err = m.reading(m.node(disk), func(r io.ReaderAt) (err error) {
		t.slots, err = readTable(r, sysfs.Number(filepath.Join(disk.dir, "size"))*512, t.sector)
		return err
	})
	m.tables[disk.name] = t
	return t
}

// unreadable says why partition tables could not be read, one line a disk.
func (m *machine) unreadable() []string {
	var lines []string
	for name, t := range m.tables {
		if t.err != nil {
			lines = append(lines, fmt.Sprintf("%s: %v", name, t.err))
		}
	}
	slices.Sort(lines)
	return lines
}

// reading opens a device without waiting for a medium in it.
func (m *machine) reading(node string, read func(io.ReaderAt) error) error {
	f, err := os.OpenFile(node, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	return read(f)
}

// mounted is the mount of a partition's root folder, preferably one that is
// writable.
func (m *machine) mounted(p Part) (mount.Point, bool) {
	var found mount.Point
	ok := false
	for _, point := range m.points {
		d, known := m.numbered(point.Major, point.Minor)
		if known && d.name == p.Name && (!ok || slices.Contains(point.SuperOptions, "rw")) {
			found, ok = point, true
		}
	}
	return found, ok
}
