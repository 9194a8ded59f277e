package early

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"moss/store/activate"
)

// blockDevice is one block device that holds, or may hold, something.
type blockDevice struct {
	Name   string // as in /sys/class/block
	Node   string // below Top, in dev
	Number string // MAJOR:MINOR
	Part   partition
	Holds  superblock

	number int    // of the partition, 0 for a whole device
	parent string // the disk's name, "" for a whole device
}

// String is a line for a person who looks for the right root=.
func (d blockDevice) String() string {
	words := []string{"/dev/" + d.node()}
	if d.Holds.Type == "" {
		words = append(words, "(nothing known)")
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

func (d blockDevice) node() string { return strings.ReplaceAll(d.Name, "!", "/") }

// devices reads block devices and remembers what it found on each, for the
// time that the boot waits for the right one.
type devices struct {
	sys, dev string // the folders /sys and /dev
	known    map[string]blockDevice
}

func newDevices(sys, dev string) *devices {
	return &devices{sys: sys, dev: dev, known: map[string]blockDevice{}}
}

// forget makes the next scan read a device again: it changed, or another one
// took its name.
func (ds *devices) forget(name string) { delete(ds.known, name) }

// scan lists the block devices that have a size, sorted by name. A device that
// cannot be read (no medium, dead disk) is listed with nothing known of it.
func (ds *devices) scan() ([]blockDevice, error) {
	names, err := os.ReadDir(filepath.Join(ds.sys, "class/block"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var found []blockDevice
	for _, name := range names {
		if d, ok := ds.read(name.Name()); ok {
			found = append(found, d)
		}
	}
	slices.SortFunc(found, func(a, b blockDevice) int { return strings.Compare(a.Name, b.Name) })
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
	if readNumber(filepath.Join(dir, "size")) == 0 {
		return blockDevice{}, false
	}
	event := readEvent(filepath.Join(dir, "uevent"))
	d := blockDevice{Name: name, Number: event["MAJOR"] + ":" + event["MINOR"]}
	d.Node = filepath.Join(ds.dev, d.node())
	d.Part = partition{UUID: event["PARTUUID"], Label: event["PARTNAME"]}
	if d.number, _ = strconv.Atoi(event["PARTN"]); d.number > 0 {
		ds.readTable(&d, dir)
	}
	d.Holds = probeNode(d.Node)
	ds.known[name] = d
	return d, true
}

// readTable asks the disk's partition table for what the kernel did not say.
func (ds *devices) readTable(d *blockDevice, dir string) {
	target, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return
	}
	d.parent = filepath.Base(filepath.Dir(target))
	if d.Part.UUID != "" {
		return
	}
	disk := filepath.Join(ds.sys, "class/block", d.parent)
	f, err := openNode(filepath.Join(ds.dev, blockDevice{Name: d.parent}.node()))
	if err != nil {
		return
	}
	defer f.Close()
	// Linux counts the size in sectors of 512 bytes whatever those of the disk are.
	size := readNumber(filepath.Join(disk, "size")) * 512
	p, err := readPartition(f, size, readNumber(filepath.Join(disk, "queue/logical_block_size")), d.number)
	if err != nil {
		return
	}
	d.Part.UUID = p.UUID
	if d.Part.Label == "" {
		d.Part.Label = p.Label
	}
}

func probeNode(node string) superblock {
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
	return probe(data[:n])
}

// openNode never waits for a medium.
func openNode(node string) (*os.File, error) {
	return os.OpenFile(node, os.O_RDONLY|unix.O_NONBLOCK, 0)
}

// readNumber reads a number from a file of sysfs; 0 when there is none.
func readNumber(path string) int64 {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// readEvent reads KEY=VALUE lines, as a uevent file has them.
func readEvent(path string) map[string]string {
	values := map[string]string{}
	text, err := os.ReadFile(path)
	if err != nil {
		return values
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(strings.TrimRight(line, "\n"), "="); ok {
			values[key] = value
		}
	}
	return values
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
