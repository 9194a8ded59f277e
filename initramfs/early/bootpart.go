package early

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"moss/internal/gpt"
	"moss/internal/mount"
	"moss/internal/sysfs"
	"moss/store/activate"
)

// The partitions that can be $BOOT, by type, the better first (Discoverable
// Partitions Specification): XBOOTLDR, ESP.
func bootTypes() []string {
	return []string{"bc13c2ff-59e6-4262-a352-b275fd6f7172", "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"}
}

// openBootEntry finds an entry on the root's disk and leaves its partition
// mounted, read-only, in a folder of our own, for closeBoot.
func (b *Boot) openBootEntry(name string) (dir string, entry typeOne, err error) {
	disk, err := b.rootDisk()
	if err != nil {
		return "", typeOne{}, err
	}
	nodes, err := b.bootParts(disk)
	if err != nil {
		return "", typeOne{}, err
	}
	dir = b.path("run/moss/entry")
	for _, node := range nodes {
		if err = b.mountBoot(node, dir); err != nil {
			continue
		}
		if entry, err = readEntry(dir, name); err == nil {
			return dir, entry, nil
		}
		err = errors.Join(err, b.closeBoot(dir))
	}
	return "", typeOne{}, err
}

func (b *Boot) mountBoot(node, dir string) error {
	kind := probeNode(node, sysfs.Number(b.path("sys/class/block/"+filepath.Base(node))+"/size")*512).Type
	if kind == "" {
		kind = "vfat" // as the specification asks
	}
	if err := b.loadOwn(append([]string{kind}, companions(kind)...)...); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	const safe = unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	if err := b.machinery().mount(node, dir, kind, safe); err != nil {
		return fmt.Errorf("mount %s, where the boot entries are, as %s: %w", node, kind, err)
	}
	return nil
}

func (b *Boot) closeBoot(dir string) error {
	err := b.machinery().unmount(dir)
	_ = os.Remove(dir)
	return err
}

// readEntry finds the entry by its name without the counter, which changes with
// every boot: "<stem>[+<left>[-<done>]].conf".
func readEntry(dir, name string) (typeOne, error) {
	folder := filepath.Join(dir, "loader/entries")
	for _, one := range entries(folder) {
		if !strings.EqualFold(entryStem(one), entryStem(name)) {
			continue
		}
		text, err := readBounded(filepath.Join(folder, one), maxMenu)
		return parseEntry(text), err
	}
	return typeOne{}, fmt.Errorf("there is no entry %s on the boot partition", activate.Show(name))
}

func entryStem(name string) string {
	stem := strings.TrimSuffix(name, ".conf")
	at := strings.LastIndexByte(stem, '+')
	if at < 0 || strings.Trim(stem[at+1:], "0123456789-") != "" {
		return stem
	}
	return stem[:at]
}

// rootDisk is the disk that the root is on, by its name in /sys: below a mapping
// the first device that it maps.
func (b *Boot) rootDisk() (string, error) {
	name, err := b.rootName()
	if err != nil {
		return "", err
	}
	for range 8 { // a mapping of a mapping of ...
		dir := b.path("sys/class/block/" + name)
		below := entries(dir + "/slaves")
		if len(below) == 0 {
			break
		}
		name = below[0]
	}
	dir := b.path("sys/class/block/" + name)
	if sysfs.Event(dir + "/uevent")["PARTN"] == "" {
		return name, nil
	}
	target, err := filepath.EvalSymlinks(dir)
	return filepath.Base(filepath.Dir(target)), err
}

// rootName is the root's device: what this boot found, or what somebody else
// mounted.
func (b *Boot) rootName() (string, error) {
	if b.root != nil {
		return b.root.Name, nil
	}
	points, err := mount.Self()
	if err != nil {
		return "", err
	}
	point, ok := mount.At(points, b.Sysroot)
	if !ok || !strings.HasPrefix(point.Source, "/dev/") {
		return "", errors.New("the device of the root is not known")
	}
	node, err := filepath.EvalSymlinks(point.Source)
	return filepath.Base(node), err
}

// bootParts are the nodes of the partitions of a disk that can be $BOOT.
func (b *Boot) bootParts(disk string) ([]string, error) {
	dir := b.path("sys/class/block/" + disk)
	f, err := openNode(b.path("dev/" + disk))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	// Linux counts the size in sectors of 512 bytes whatever those of the disk are.
	table, err := gpt.Read(f, sysfs.Number(dir+"/size")*512, sysfs.Number(dir+"/queue/logical_block_size"))
	if err != nil {
		return nil, fmt.Errorf("read the partitions of %s: %w", disk, err)
	}
	names := map[int]string{}
	for _, name := range entries(dir) {
		if n, err := strconv.Atoi(sysfs.Event(dir + "/" + name + "/uevent")["PARTN"]); err == nil {
			names[n] = name
		}
	}
	var nodes []string
	for _, kind := range bootTypes() {
		for _, p := range table.Parts {
			if p.Type == kind && names[p.Number] != "" {
				nodes = append(nodes, b.path("dev/"+names[p.Number]))
			}
		}
	}
	if len(nodes) == 0 {
		return nil, fmt.Errorf("%s, on which the root is, has no boot partition (ESP or XBOOTLDR)", disk)
	}
	return nodes, nil
}
