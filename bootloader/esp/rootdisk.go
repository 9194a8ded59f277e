package esp

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"moss/internal/mount"
)

// rootDisks are the disks that the running system's root file system lies on,
// through all that is between: LUKS, LVM, RAID, a btrfs of several devices. None
// for a root without disks (a live system, a container, the network).
func (m *machine) rootDisks() []string {
	point, ok := mount.At(m.points, "/")
	if !ok {
		return nil
	}
	var disks []string
	for _, d := range m.below(point) {
		m.leaves(d, &disks, 0)
	}
	return disks
}

// below lists the block devices of a mounted file system. btrfs gives its files
// a device number that is no device's: there only the source names one, and the
// file system's own folder in sysfs the others.
func (m *machine) below(point mount.Point) []device {
	if d, ok := m.numbered(point.Major, point.Minor); ok {
		return []device{d}
	}
	rel, ok := strings.CutPrefix(point.Source, "/dev/")
	if !ok {
		return nil
	}
	dev, err := filepath.EvalSymlinks(m.dev)
	if err != nil {
		return nil
	}
	node, err := filepath.EvalSymlinks(filepath.Join(dev, rel)) // mapper/x is a link
	if err != nil {
		return nil
	}
	name := strings.ReplaceAll(strings.TrimPrefix(node, strings.TrimSuffix(dev, "/")+"/"), "/", "!")
	d, ok := m.device("class/block/" + name)
	if !ok {
		return nil
	}
	return append(m.peers(name), d)
}

// peers are the devices that a btrfs shares with the one of that name.
func (m *machine) peers(name string) []device {
	matches, err := filepath.Glob(filepath.Join(m.sys, "fs/btrfs/*/devices", name))
	if err != nil || len(matches) == 0 {
		return nil
	}
	entries, err := os.ReadDir(filepath.Dir(matches[0]))
	if err != nil {
		return nil
	}
	var peers []device
	for _, entry := range entries {
		if d, ok := m.device("class/block/" + entry.Name()); ok {
			peers = append(peers, d)
		}
	}
	return peers
}

// leaves adds the disks that a device is made of. More than a few layers is no
// machine but a loop.
func (m *machine) leaves(d device, disks *[]string, depth int) {
	slaves, err := os.ReadDir(filepath.Join(d.dir, "slaves"))
	if err == nil && len(slaves) > 0 && depth < 16 {
		for _, entry := range slaves {
			if below, ok := m.device("class/block/" + entry.Name()); ok {
				m.leaves(below, disks, depth+1)
			}
		}
		return
	}
	if name := d.disk().name; !slices.Contains(*disks, name) {
		*disks = append(*disks, name)
	}
}
