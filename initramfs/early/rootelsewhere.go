package early

import (
	"fmt"
	"slices"
	"strings"

	"moss/store/activate"
)

// otherMode is where to go with a root that needs programs of its own.
const otherMode = `the other mode serves it: "moss-init activate" in an image of dracut or initramfs-tools`

// elsewhere says what a root= is that is on no local disk, by the words that
// dracut, initramfs-tools, ZFS and the kernel know; "" for all others.
func elsewhere(text string) string {
	switch text {
	case "/dev/nfs", "/dev/cifs", "dhcp", "dhcp6", "nfs", "nfs4", "nbd", "iscsi", "http", "https":
		return "on the network"
	case "tmpfs", "/dev/ram0":
		return "in memory"
	case "zfs", "zfs-auto":
		return "in a ZFS pool"
	}
	for _, k := range []struct{ what, prefixes string }{
		{"on the network", "nfs: nfs4: iscsi: nbd: ceph: cifs: smb: fcoe: nvmf: http: https: ftp: tftp: ssh: 9p: virtiofs: net: /dev/nbd /dev/rbd /dev/drbd"},
		{"in a ZFS pool", "zfs: zfs= /dev/zvol/ /dev/zd"},
		{"an image that is made to be a root", "live: live= overlay: image: mem: tmpfs: casper:"},
	} {
		for _, prefix := range strings.Fields(k.prefixes) {
			if len(text) > len(prefix) && strings.EqualFold(text[:len(prefix)], prefix) {
				return k.what
			}
		}
	}
	return ""
}

// assembler guesses by a path which program would make the device; "" for the
// devices that drivers make.
func (s rootSpec) assembler() string {
	if s.by != "path" {
		return ""
	}
	for _, k := range []struct{ prefix, what string }{
		{"mapper/mpath", "multipath makes it"},
		{"mapper/", "LVM or another user of the device mapper makes it, unless it is a LUKS container that rd.luks.name= names"},
		{"dm-", "LVM or another user of the device mapper makes it"},
		{"md", "mdadm makes it"},
		{"bcache", "bcache makes it"},
	} {
		if strings.HasPrefix(s.value, k.prefix) {
			return k.what
		}
	}
	// "cciss/c0d0p1" is a disk's, "vg/root" a volume's.
	group, _, ok := strings.Cut(s.value, "/")
	for _, driver := range []string{"cciss", "ida", "rd", "mapper", "disk", "block"} {
		ok = ok && group != driver
	}
	if ok {
		return "it looks like a volume of LVM"
	}
	return ""
}

// unserved is why the device may never appear here, "" when no reason is seen.
// What a partition table names is there as soon as the disk is.
func (s rootSpec) unserved(found []blockDevice) string {
	if s.by == "PARTUUID" || s.by == "PARTLABEL" {
		return ""
	}
	for _, d := range found {
		if what, ok := assembled(d.Holds.Type); ok {
			return fmt.Sprintf("/dev/%s is %s, which moss-init does not put together; if the root is on it, %s", d.node(), what, otherMode)
		}
	}
	if d, ok := shut(found); ok && (s.by == "UUID" || s.by == "LABEL") {
		return fmt.Sprintf("/dev/%s is a LUKS container that nothing names; if it is in there, add rd.luks.uuid=%s", d.node(), activate.Show(d.Holds.UUID))
	}
	if what := s.assembler(); what != "" {
		return fmt.Sprintf("/dev/%s: %s, and moss-init does not start it; %s", s.value, what, otherMode)
	}
	return ""
}

// shut is a LUKS container that was not opened.
func shut(found []blockDevice) (blockDevice, bool) {
	for _, d := range found {
		open := slices.ContainsFunc(found, func(o blockDevice) bool { return slices.Contains(o.slaves, d.Name) })
		if d.Holds.Type == "crypto_LUKS" && !open {
			return d, true
		}
	}
	return blockDevice{}, false
}

// refusal is why a device that was found cannot be the root, or hold the swap of
// resume=; nil when it can.
func refusal(d blockDevice, swap bool) error {
	if what, ok := assembled(d.Holds.Type); ok {
		return fmt.Errorf("%s is %s, which moss-init does not put together; %s", d, what, otherMode)
	}
	if !swap && (d.Holds.Type == "swap" || d.Holds.Type == "swsuspend") {
		return fmt.Errorf("%s is swap space and no root; give root= the file system's name", d)
	}
	return nil
}
