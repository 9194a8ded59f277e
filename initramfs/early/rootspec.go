package early

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// rootSpec is root= or resume= of the command line: which device, by which of its
// names.
type rootSpec struct {
	by, value string // by is UUID, LABEL, PARTUUID, PARTLABEL, path or number
}

func (s rootSpec) String() string {
	switch s.by {
	case "path":
		return "/dev/" + s.value
	case "number":
		return s.value
	}
	return s.by + "=" + s.value
}

// byName is what the links in a folder of /dev/disk are named after, which udev
// would make.
func byName(folder string) string {
	return map[string]string{
		"by-uuid": "UUID", "by-label": "LABEL", "by-partuuid": "PARTUUID", "by-partlabel": "PARTLABEL",
	}[folder]
}

// parseRoot reads the value of root=.
func parseRoot(text string) (rootSpec, error) {
	if what := elsewhere(text); what != "" {
		return rootSpec{}, fmt.Errorf("root=%s is %s; moss-init finds local disks only: %s", text, what, otherMode)
	}
	spec, err := parseDevice(text)
	if err != nil {
		return rootSpec{}, fmt.Errorf("root=%s %w", text, err)
	}
	return spec, nil
}

// parseDevice reads what names a device; its errors go on after the word.
func parseDevice(text string) (rootSpec, error) {
	if key, value, ok := strings.Cut(text, "="); ok && value != "" {
		key, value = strings.ToUpper(key), unquote(value)
		if value == "" {
			return rootSpec{}, errors.New("names nothing")
		}
		if key == "UUID" || key == "LABEL" || key == "PARTUUID" || key == "PARTLABEL" {
			return rootSpec{key, value}, notOffset(value)
		}
	}
	if major, minor, ok := strings.Cut(text, ":"); ok && isNumber(major) && isNumber(minor) {
		return rootSpec{"number", text}, nil
	}
	node, ok := strings.CutPrefix(text, "/dev/")
	if !ok || node == "" || node == "root" {
		return rootSpec{}, errors.New("is none of UUID=, LABEL=, PARTUUID=, PARTLABEL=, /dev/… and MAJOR:MINOR")
	}
	parts := strings.Split(node, "/")
	if len(parts) == 3 && parts[0] == "disk" {
		if by := byName(parts[1]); by != "" {
			return rootSpec{by, unescape(parts[2])}, nil
		}
		return rootSpec{}, errors.New("is a link that udev makes; name the device by UUID=, LABEL=, PARTUUID= or PARTLABEL=")
	}
	return rootSpec{"path", node}, nil
}

// unquote takes off the quotes of LABEL="my root", which the kernel leaves where
// they do not begin a value and which libmount and systemd take off.
func unquote(value string) string {
	for _, q := range []string{`"`, "'"} {
		if inner, ok := strings.CutPrefix(value, q); ok && strings.HasSuffix(inner, q) {
			return strings.TrimSuffix(inner, q)
		}
	}
	return value
}

// notOffset refuses the kernel's PARTUUID=…/PARTNROFF=n, which nobody writes in
// an entry that has an initramfs.
func notOffset(value string) error {
	if strings.Contains(value, "/PARTNROFF=") {
		return errors.New("has a PARTNROFF, which is not for an initramfs; give the PARTUUID of the partition itself")
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
	return d.node() == s.value || nodeOf(d.Name) == s.value
}

// pick chooses the device that is meant, nil when it is not there yet. Two that
// answer to one name are an error that names both: booting either by chance is
// how a copied disk swallows a machine's data.
func (s rootSpec) pick(found []blockDevice) (*blockDevice, error) {
	var meant []blockDevice
	for _, d := range found {
		if s.names(d) {
			meant = append(meant, d)
		}
	}
	meant = innermost(meant)
	if len(meant) == 0 {
		return nil, nil
	}
	first := meant[0]
	for _, d := range meant[1:] {
		if !sameSystem(first, d) {
			return nil, &sameName{first, d, meant}
		}
	}
	return &first, nil
}

// sameName is the error of two devices that are no parts of one system.
type sameName struct {
	a, b blockDevice
	all  []blockDevice
}

func (e *sameName) Error() string {
	return fmt.Sprintf("is the name of two devices:\n  %s\n  %s\n%s", e.a, e.b, apart(e.a, e.b))
}

// innermost leaves out what another of the devices is made of: a disk with
// partitions, the leftover of which at its front is no file system, and a
// container that is open.
func innermost(meant []blockDevice) []blockDevice {
	covered := func(d blockDevice) bool {
		return slices.ContainsFunc(meant, func(o blockDevice) bool {
			return o.parent == d.Name || slices.Contains(o.slaves, d.Name)
		})
	}
	return slices.DeleteFunc(slices.Clone(meant), covered)
}

// apart says by which name each of two devices can be told from the other.
func apart(a, b blockDevice) string {
	for _, by := range []struct{ key, a, b string }{
		{"UUID=", a.Holds.UUID, b.Holds.UUID}, {"PARTUUID=", a.Part.UUID, b.Part.UUID}, {"LABEL=", a.Holds.Label, b.Holds.Label},
	} {
		if by.a != "" && by.b != "" && !strings.EqualFold(by.a, by.b) {
			return fmt.Sprintf("what tells them apart is root=%s%s and root=%s%s", by.key, by.a, by.key, by.b)
		}
	}
	return fmt.Sprintf("one is a copy of the other or the same disk seen twice; remove one, or name it by its place: root=/dev/%s or root=/dev/%s", a.node(), b.node())
}

// sameSystem tells whether two devices are different parts of one btrfs.
func sameSystem(a, b blockDevice) bool {
	return a.Holds.Type == "btrfs" && a.Holds.Members > 1 && a.Holds.UUID == b.Holds.UUID && a.Holds.Member != b.Holds.Member
}

// siblings are the other devices of a btrfs, and how many are not there or not
// sound.
func siblings(first blockDevice, found []blockDevice) (others []blockDevice, missing int) {
	have := 1
	for _, d := range found {
		if d.Name != first.Name && sameSystem(first, d) {
			others = append(others, d)
			if !d.Holds.Damaged {
				have++
			}
		}
	}
	if first.Holds.Type != "btrfs" || first.Holds.Members < uint64(have) {
		return others, 0
	}
	return others, int(min(first.Holds.Members, maxMembers)) - have
}

// sound is another device of the same btrfs for one whose superblock is damaged:
// the kernel reads the file system's tree by that of the device it is given.
func sound(d *blockDevice, found []blockDevice) *blockDevice {
	for i, other := range found {
		if d.Holds.Damaged && !other.Holds.Damaged && sameSystem(*d, other) {
			return &found[i]
		}
	}
	return d
}

// twins are two devices that claim one place in a btrfs. The kernel would take
// either, and write what the other lacks.
func twins(others []blockDevice) (a, b blockDevice, ok bool) {
	place := map[uint64]blockDevice{}
	for _, d := range others {
		if a, ok = place[d.Holds.Member]; ok {
			return a, d, true
		}
		place[d.Holds.Member] = d
	}
	return a, b, false
}

// maxMembers keeps a damaged superblock from naming absurd numbers.
const maxMembers = 1 << 16
