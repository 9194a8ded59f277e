package early

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// rootSpec is root= of the command line: which device, by which of its names.
type rootSpec struct {
	by, value string // by is UUID, LABEL, PARTUUID, PARTLABEL, path or number
}

var errNoRoot = errors.New("the kernel command line has no root=")

func (s rootSpec) String() string {
	switch s.by {
	case "path":
		return "/dev/" + s.value
	case "number":
		return s.value
	}
	return s.by + "=" + s.value
}

// byNames are the folders of links that udev would make in /dev/disk, and what
// the links in them are named after.
func byName(folder string) string {
	return map[string]string{
		"by-uuid": "UUID", "by-label": "LABEL", "by-partuuid": "PARTUUID", "by-partlabel": "PARTLABEL",
	}[folder]
}

// parseRoot reads the value of root=.
func parseRoot(text string) (rootSpec, error) {
	if key, value, ok := strings.Cut(text, "="); ok && value != "" {
		key = strings.ToUpper(key)
		if key == "UUID" || key == "LABEL" || key == "PARTUUID" || key == "PARTLABEL" {
			return rootSpec{key, value}, notOffset(value)
		}
	}
	if major, minor, ok := strings.Cut(text, ":"); ok && isNumber(major) && isNumber(minor) {
		return rootSpec{"number", text}, nil
	}
	node, ok := strings.CutPrefix(text, "/dev/")
	if !ok || node == "" || node == "nfs" || node == "root" {
		return rootSpec{}, fmt.Errorf("root=%s is none of UUID=, LABEL=, PARTUUID=, PARTLABEL=, /dev/… and MAJOR:MINOR", text)
	}
	parts := strings.Split(node, "/")
	if len(parts) == 3 && parts[0] == "disk" {
		if by := byName(parts[1]); by != "" {
			return rootSpec{by, unescape(parts[2])}, nil
		}
		return rootSpec{}, fmt.Errorf("root=%s is a link that udev makes; name the device by UUID=, LABEL=, PARTUUID= or PARTLABEL=", text)
	}
	return rootSpec{"path", node}, nil
}

// notOffset refuses the kernel's PARTUUID=…/PARTNROFF=n, which nobody writes in
// an entry that has an initramfs.
func notOffset(value string) error {
	if strings.Contains(value, "/PARTNROFF=") {
		return errors.New("root= with PARTNROFF is not for an initramfs; give the PARTUUID of the partition itself")
	}
	return nil
}

func isNumber(text string) bool {
	_, err := strconv.ParseUint(text, 10, 32)
	return err == nil
}

// unescape undoes udev's \x20 for what a file name cannot hold.
func unescape(name string) string {
	var out strings.Builder
	for name != "" {
		if code, ok := strings.CutPrefix(name, `\x`); ok && len(code) >= 2 {
			if c, err := strconv.ParseUint(code[:2], 16, 8); err == nil {
				out.WriteByte(byte(c))
				name = code[2:]
				continue
			}
		}
		out.WriteByte(name[0])
		name = name[1:]
	}
	return out.String()
}

// names tells whether the device is the one meant. UUIDs are compared without
// regard to case: file systems, partition tables and people differ in it.
func (s rootSpec) names(d blockDevice) bool {
	switch s.by {
	case "UUID":
		return strings.EqualFold(d.Holds.UUID, s.value)
	case "LABEL":
		return d.Holds.Label == s.value
	case "PARTUUID":
		return strings.EqualFold(d.Part.UUID, s.value)
	case "PARTLABEL":
		return d.Part.Label == s.value
	case "number":
		return d.Number == s.value
	}
	return d.node() == s.value
}

// pick chooses the device that is meant, nil when it is not there yet. Two that
// answer to one name are an error that names both: booting either by chance is
// how a copied disk swallows a machine's data. The devices of one btrfs all
// answer to its UUID and count as one, once all of them are there; the others
// come back besides.
func (s rootSpec) pick(found []blockDevice) (root *blockDevice, others []blockDevice, err error) {
	var meant []blockDevice
	for _, d := range found {
		if s.names(d) {
			meant = append(meant, d)
		}
	}
	if len(meant) == 0 {
		return nil, nil, nil
	}
	first := meant[0]
	others = siblings(first, found)
	for _, d := range meant[1:] {
		if !sameSystem(first, d) {
			return nil, nil, fmt.Errorf("root=%s is the name of two devices, %s and %s; give root= a name that only one has", s, first, d)
		}
	}
	if missing := int(first.Holds.Members) - 1 - len(others); missing > 0 {
		return nil, nil, nil
	}
	return &first, others, nil
}

// sameSystem tells whether two devices are different parts of one btrfs.
func sameSystem(a, b blockDevice) bool {
	return a.Holds.Type == "btrfs" && a.Holds.Members > 1 && a.Holds.UUID == b.Holds.UUID && a.Holds.Member != b.Holds.Member
}

func siblings(first blockDevice, found []blockDevice) []blockDevice {
	var others []blockDevice
	for _, d := range found {
		if d.Name != first.Name && sameSystem(first, d) {
			others = append(others, d)
		}
	}
	return others
}
