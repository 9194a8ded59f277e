package system

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"moss/internal/mount"
)

// deviceOf is the kernel's name of the device that a mount is on, "" if there is
// none. The number in the table is the device's but for file systems that span
// several (btrfs): those have a number of their own and name one as their source.
func (m machine) deviceOf(p mount.Point) string {
	if p.Major != 0 {
		target, err := os.Readlink(filepath.Join(m.sys, "dev/block", fmt.Sprintf("%d:%d", p.Major, p.Minor)))
		if err != nil {
			return ""
		}
		return filepath.Base(target)
	}
	node, ok := strings.CutPrefix(p.Source, "/dev/")
	if !ok {
		return ""
	}
	if name, ok := m.nodeName(filepath.Join(m.dev, node)); ok {
		return name
	}
	mapped, ok := strings.CutPrefix(node, "mapper/")
	if !ok {
		return ""
	}
	for _, name := range m.blocks() {
		if m.attribute(name, "dm/name") == mapped {
			return name
		}
	}
	return ""
}

// nodeName is the kernel's name of what a node or a link to one in /dev shows.
func (m machine) nodeName(path string) (string, bool) {
	dev, err := filepath.EvalSymlinks(m.dev)
	if err != nil {
		return "", false
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", false
	}
	rel, err := filepath.Rel(dev, real)
	name := strings.ReplaceAll(rel, "/", "!") // as sysfs writes it
	return name, err == nil && m.attribute(name, "dev") != ""
}

func (m machine) blocks() (names []string) {
	found, _ := os.ReadDir(filepath.Join(m.sys, "class/block"))
	for _, one := range found {
		names = append(names, one.Name())
	}
	return names
}

func (m machine) blockDir(name string) string { return filepath.Join(m.sys, "class/block", name) }

// attribute is a device's file in sysfs, "" if it has none.
func (m machine) attribute(name, file string) string {
	data, err := os.ReadFile(filepath.Join(m.blockDir(name), file))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// deviceWords names a device by what does not change when disks are added: the
// partition's own UUID, or the file system's where there is no partition to name,
// or several; and says what must be opened before.
func (m machine) deviceWords(name, fsType string) (words []string, why string) {
	members, uuid := []string{name}, m.fileSystemUUID(name)
	if fsType == "btrfs" {
		if several, id := m.btrfs(name); id != "" {
			members, uuid = several, id
		}
	}
	for _, one := range members {
		open, why := m.openWords(one, 0)
		if why != "" {
			return nil, why
		}
		for _, word := range open {
			if !slices.Contains(words, word) {
				words = append(words, word)
			}
		}
	}
	part := m.partUUID(name)
	switch mapped := m.attribute(name, "dm/name"); {
	case part != "" && len(members) == 1:
		return append(words, "root=PARTUUID="+part), ""
	case uuid != "":
		return append(words, "root=UUID="+uuid), ""
	case isPlain(mapped):
		return append(words, "root=/dev/mapper/"+mapped), ""
	}
	return nil, fmt.Sprintf("neither udev nor the kernel knows a UUID of %s", name)
}

// btrfs finds the file system that a device belongs to, and all its devices.
func (m machine) btrfs(name string) (members []string, uuid string) {
	systems, _ := os.ReadDir(filepath.Join(m.sys, "fs/btrfs"))
	for _, one := range systems {
		members = nil
		found, _ := os.ReadDir(filepath.Join(m.sys, "fs/btrfs", one.Name(), "devices"))
		for _, d := range found {
			members = append(members, d.Name())
		}
		if isUUID(one.Name()) && slices.Contains(members, name) {
			return members, one.Name()
		}
	}
	return nil, ""
}

// partUUID is a partition's own, "" for what is none.
func (m machine) partUUID(name string) string {
	if m.attribute(name, "partition") == "" {
		return ""
	}
	return m.identity(name, "PARTUUID", "ID_PART_ENTRY_UUID", "by-partuuid")
}

func (m machine) fileSystemUUID(name string) string {
	return m.identity(name, "", "ID_FS_UUID", "by-uuid")
}

// identity asks the kernel, udev's records and the links that udev makes.
func (m machine) identity(name, ofKernel, ofUdev, links string) string {
	if id := property(m.attribute(name, "uevent"), ofKernel+"="); ofKernel != "" && isUUID(id) {
		return id
	}
	if record, err := os.ReadFile(filepath.Join(m.udev, "b"+m.attribute(name, "dev"))); err == nil {
		if id := property(string(record), "E:"+ofUdev+"="); isUUID(id) {
			return id
		}
	}
	dir := filepath.Join(m.dev, "disk", links)
	found, _ := os.ReadDir(dir)
	for _, one := range found {
		if target, err := os.Readlink(filepath.Join(dir, one.Name())); err == nil && filepath.Base(target) == name && isUUID(one.Name()) {
			return one.Name()
		}
	}
	return ""
}

func property(text, prefix string) string {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), prefix); ok {
			return value
		}
	}
	return ""
}

// isUUID holds for the identities of GPT and MBR partitions and of all file
// systems: hexadecimal digits and hyphens.
func isUUID(text string) bool {
	return text != "" && strings.Trim(text, "0123456789abcdefABCDEF-") == ""
}

// isPlain: the text can stand in a word without quotes.
func isPlain(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' || r == '/' })
}
