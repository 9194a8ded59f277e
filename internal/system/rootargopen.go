package system

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// maxLayers bounds how deep devices lie on one another.
const maxLayers = 16

// openWords says how an initramfs opens a device: LUKS and LVM, in any order and
// depth, the lowest first.
func (m machine) openWords(name string, depth int) (words []string, why string) {
	if depth > maxLayers {
		return nil, name + " lies on too many other devices"
	}
	below, _ := os.ReadDir(filepath.Join(m.blockDir(name), "slaves"))
	under := []string{}
	for _, one := range below {
		under = append(under, one.Name())
	}
	if m.attribute(name, "partition") != "" {
		if disk, err := filepath.EvalSymlinks(m.blockDir(name)); err == nil {
			under = append(under, filepath.Base(filepath.Dir(disk)))
		}
	}
	for _, one := range under {
		open, why := m.openWords(one, depth+1)
		if why != "" {
			return nil, why
		}
		words = append(words, open...)
	}
	own, why := mappedWord(m.attribute(name, "dm/uuid"), m.attribute(name, "dm/name"))
	if own != "" {
		words = append(words, own)
	}
	return words, why
}

// mappedWord reads the identity that cryptsetup or LVM gave to a mapped device
// (dm_prepare_uuid in lib/libdevmapper.c of cryptsetup; LVM's UUIDs begin "LVM-").
func mappedWord(uuid, name string) (word, why string) {
	kind, rest, _ := strings.Cut(uuid, "-")
	if kind != "CRYPT" && kind != "LVM" {
		return "", ""
	}
	if !isPlain(name) {
		return "", fmt.Sprintf("the name %q of a mapped device cannot be written on a command line", name)
	}
	if kind == "LVM" {
		group, volume, ok := splitLVM(name)
		if !ok {
			return "", fmt.Sprintf("%s is not named as LVM names a volume", name)
		}
		return "rd.lvm.lv=" + group + "/" + volume, ""
	}
	format, rest, _ := strings.Cut(rest, "-")
	hex, _, _ := strings.Cut(rest, "-")
	if format != "LUKS1" && format != "LUKS2" || len(hex) != 32 || !isUUID(hex) {
		return "", fmt.Sprintf("%s is encrypted as %s, which no word of the command line opens", name, format)
	}
	id := strings.Join([]string{hex[:8], hex[8:12], hex[12:16], hex[16:20], hex[20:]}, "-")
	if name == "luks-"+id {
		return "rd.luks.uuid=" + id, "" // the name that it gets by itself
	}
	return "rd.luks.name=" + id + "=" + name, ""
}

// splitLVM takes a mapped name apart: group and volume with a hyphen between them,
// their own hyphens doubled.
func splitLVM(name string) (group, volume string, ok bool) {
	plain := strings.ReplaceAll(name, "--", "\x00")
	group, volume, ok = strings.Cut(plain, "-")
	undo := func(s string) string { return strings.ReplaceAll(s, "\x00", "-") }
	return undo(group), undo(volume), ok && group != "" && volume != "" && !strings.Contains(volume, "-")
}
