package early

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"moss/internal/gpt"
	"moss/internal/sysfs"
	"moss/store/activate"
)

// partition is what a partition table knows of one partition. Type and
// Attributes are there only if devices.tables asks for them.
type partition struct {
	UUID, Label, Type string
	Attributes        uint64
}

// blockDevice is one block device that holds, or may hold, something.
type blockDevice struct {
	Name   string // as in /sys/class/block
	Node   string // below Top, in dev
	Number string // MAJOR:MINOR
	Part   partition
	Holds  superblock

	number int      // of the partition, 0 for a whole device
	parent string   // the disk's name, "" for a whole device
	mapper string   // the device mapper's name for it, "" for what is none of its
	slaves []string // the devices that it is made of
	unread bool     // nobody has looked at what it holds
}

// String is a line for a person who looks for the right root=.
func (d blockDevice) String() string {
	words := []string{"/dev/" + d.node()}
	if d.Holds.Type == "" {
		words = append(words, "(nothing known)")
	}
	if d.Holds.Damaged {
		words = append(words, "(damaged superblock)")
	}
	for _, w := range []struct{ key, value string }{
		{"", d.Holds.Type}, {"UUID=", d.Holds.UUID}, {"LABEL=", d.Holds.Label},
		{"PARTUUID=", d.Part.UUID}, {"PARTLABEL=", d.Part.Label},
	} {
		if w.value != "" {
			words = append(words, w.key+activate.Show(w.value))
		}
	}
	return strings.Join(words, " ")
}

// node is the name below /dev: for what the device mapper made, the one that
// people use.
func (d blockDevice) node() string {
	if d.mapper != "" {
		return "mapper/" + d.mapper
	}
	return nodeOf(d.Name)
}

// nodeOf is the name below /dev of a device in /sys, where no name has a slash.
func nodeOf(name string) string { return strings.ReplaceAll(name, "!", "/") }

// devices reads block devices and remembers what it found on each, for the
// time that the boot waits for the right one.
type devices struct {
	sys, dev string // the folders /sys and /dev
	known    map[string]blockDevice
	disks    map[string]gpt.Table // read so far, by the disk's name
	// tables reads the partition table of every disk, also where the kernel tells
	// the partitions' UUIDs by itself.
	tables bool
	// optical drives are read, too: one that spins up takes seconds.
	optical bool
}

func newDevices(sys, dev string) *devices {
	return &devices{sys: sys, dev: dev, known: map[string]blockDevice{}, disks: map[string]gpt.Table{}}
}

// forget makes the next scan read a device again: it changed, or another one
// took its name.
func (ds *devices) forget(name string) {
	delete(ds.known, name)
	delete(ds.disks, name)
}

// readOptical makes the next scan read optical drives, which are only listed
// otherwise.
func (ds *devices) readOptical() {
	ds.optical = true
	for name, d := range ds.known {
		if d.unread {
			ds.forget(name)
		}
	}
}

// isOptical: sr0, sr1 and so on (drivers/scsi/sr.c).
func isOptical(name string) bool {
	rest, ok := strings.CutPrefix(name, "sr")
	return ok && isNumber(rest)
}

// forgetAll is forget for when nobody knows what changed.
func (ds *devices) forgetAll() {
	clear(ds.known)
	clear(ds.disks)
}

// scan lists the block devices that have a size, sorted by name. A device that
// cannot be read (no medium, dead disk) is listed with nothing known of it.
func (ds *devices) scan() ([]blockDevice, error) {
	names, err := namesIn(filepath.Join(ds.sys, "class/block"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var found []blockDevice
	for _, name := range names {
		if d, ok := ds.read(name); ok {
			found = append(found, d)
		}
	}
	return found, nil
}

// read looks at one device. RAM disks hold nothing, and reading a floppy drive
// takes seconds.
func (ds *devices) read(name string) (blockDevice, bool) {
	if d, ok := ds.known[name]; ok {
		return d, true
	}
	for _, prefix := range []string{"ram", "zram", "fd"} {
		if rest, ok := strings.CutPrefix(name, prefix); ok && rest != "" && rest[0] <= '9' {
			return blockDevice{}, false
		}
	}
	dir := filepath.Join(ds.sys, "class/block", name)
	// Linux counts in sectors of 512 bytes whatever those of the disk are.
	size := sysfs.Number(filepath.Join(dir, "size")) * 512
	if size == 0 {
		return blockDevice{}, false
	}
	event := sysfs.Event(filepath.Join(dir, "uevent"))
	d := blockDevice{Name: name, Number: event["MAJOR"] + ":" + event["MINOR"], Node: filepath.Join(ds.dev, nodeOf(name))}
	d.Part = partition{UUID: event["PARTUUID"], Label: event["PARTNAME"]}
	if d.number, _ = strconv.Atoi(event["PARTN"]); d.number > 0 {
		ds.readTable(&d, dir)
	} else {
		if text, err := os.ReadFile(filepath.Join(dir, "dm/name")); err == nil {
			d.mapper = strings.TrimSpace(string(text))
		}
		d.slaves = entries(filepath.Join(dir, "slaves"))
	}
	if d.unread = isOptical(name) && !ds.optical; !d.unread {
		d.Holds = probeNode(d.Node, size)
	}
	ds.known[name] = d
	return d, true
}

// readTable asks the disk's partition table for what the kernel did not say:
// Linux before 6.12 does not tell a partition's UUID to user space, and none
// tells its type.
func (ds *devices) readTable(d *blockDevice, dir string) {
	target, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return
	}
	d.parent = filepath.Base(filepath.Dir(target))
	if d.Part.UUID != "" && !ds.tables {
		return
	}
	p, ok := ds.table(d.parent).Part(d.number)
	if !ok {
		return
	}
	d.Part.Type, d.Part.Attributes = p.Type, p.Attributes
	if d.Part.UUID == "" {
		d.Part.UUID = p.UUID
	}
	// The kernel's PARTNAME has one byte for each letter, whatever the letter.
	if p.Name != "" {
		d.Part.Label = p.Name
	}
}

// table is the partition table of a disk; an empty one if it cannot be read.
func (ds *devices) table(disk string) gpt.Table {
	if t, ok := ds.disks[disk]; ok {
		return t
	}
	f, err := openNode(filepath.Join(ds.dev, nodeOf(disk)))
	if err != nil {
		return gpt.Table{}
	}
	defer f.Close()
	dir := filepath.Join(ds.sys, "class/block", disk)
	t, err := gpt.Read(f, sysfs.Number(filepath.Join(dir, "size"))*512, sysfs.Number(filepath.Join(dir, "queue/logical_block_size")))
	if err != nil {
		return gpt.Table{}
	}
	ds.disks[disk] = t
	return t
}

// raid is the RAID that a whole disk is a part of.
func (ds *devices) raid(disk string) (superblock, bool) {
	f, err := openNode(filepath.Join(ds.dev, nodeOf(disk)))
	if err != nil {
		return superblock{}, false
	}
	defer f.Close()
	dir := filepath.Join(ds.sys, "class/block", disk)
	return probeDiskEnd(f, sysfs.Number(filepath.Join(dir, "size"))*512, sysfs.Number(filepath.Join(dir, "queue/logical_block_size")))
}

// probeNode recognises what a device of so many bytes holds. Only what seems to
// hold something is worth a second look at its end.
func probeNode(node string, size int64) superblock {
	f, err := openNode(node)
	if err != nil {
		return superblock{}
	}
	defer f.Close()
	data := make([]byte, probeSize)
	n, err := f.ReadAt(data, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return superblock{}
	}
	sb := probe(data[:n])
	if sb.Type == "" {
		return sb
	}
	if _, ok := assembled(sb.Type); ok {
		return sb
	}
	if end, ok := probeEnd(f, size); ok {
		return end
	}
	return sb
}

// openNode never waits for a medium.
func openNode(node string) (*os.File, error) {
	return os.OpenFile(node, os.O_RDONLY|unix.O_NONBLOCK, 0)
}

// list is every device, one a line, for a message.
func list(found []blockDevice) string {
	if len(found) == 0 {
		return "no block device was found"
	}
	var text strings.Builder
	text.WriteString("devices found:")
	for _, d := range found {
		fmt.Fprintf(&text, "\n  %s", d)
	}
	return text.String()
}
