package early

import (
	"strings"
	"testing"
)

func TestParseRoot(t *testing.T) {
	for text, want := range map[string]rootSpec{
		"UUID=" + someUUID:          {"UUID", someUUID},
		"uuid=ab":                   {"UUID", "ab"},
		"LABEL=my root":             {"LABEL", "my root"},
		"LABEL=a=b":                 {"LABEL", "a=b"},
		`LABEL="my root"`:           {"LABEL", "my root"},
		"UUID='ab'":                 {"UUID", "ab"},
		`LABEL="x`:                  {"LABEL", `"x`},
		"PARTUUID=deadbeef-02":      {"PARTUUID", "deadbeef-02"},
		"PARTLABEL=root":            {"PARTLABEL", "root"},
		"/dev/vda2":                 {"path", "vda2"},
		"/dev/cciss/c0d0p1":         {"path", "cciss/c0d0p1"},
		"254:1":                     {"number", "254:1"},
		"/dev/disk/by-uuid/ab":      {"UUID", "ab"},
		`/dev/disk/by-label/a\x20b`: {"LABEL", "a b"},
		"/dev/disk/by-partuuid/x-1": {"PARTUUID", "x-1"},
		`/dev/disk/by-partlabel/\x`: {"PARTLABEL", `\x`},
	} {
		if got, err := parseRoot(text); got != want || err != nil {
			t.Errorf("%q: got %+v, %v, want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "UUID=", `LABEL=""`, "vda", "/dev/root", "/dev/",
		"PARTUUID=x/PARTNROFF=1", "/dev/disk/by-id/virtio-x", "1:", ":1",
	} {
		if got, err := parseRoot(text); err == nil {
			t.Errorf("%q: got %+v, want an error", text, got)
		}
	}
}

func device(name, uuid, label string) blockDevice {
	return blockDevice{Name: name, Number: "8:1", Holds: superblock{Type: "ext4", UUID: uuid, Label: label}}
}

func TestPick(t *testing.T) {
	plain := []blockDevice{device("vda1", "AA", "root"), device("vdb1", "bb", "data"), device("vdc1", "cc", "data")}
	plain[0].Part = partition{UUID: "P1", Label: "system"}
	plain = append(plain, device("vdd1", "dd", "copy"), device("vdd2", "dd", "copy"), device("vde", "ee", "disk"), device("vde1", "ee", "disk"),
		device("vdf", "ff", "inside"), device("dm-0", "0f", "inside"))
	plain[6].parent, plain[8].slaves, plain[8].mapper = "vde", []string{"vdf"}, "plain"
	for _, tt := range []struct{ root, want, err string }{
		{"UUID=aa", "vda1", ""},
		{"LABEL=root", "vda1", ""},
		{"LABEL=ROOT", "", ""},
		{"LABEL=data", "", "is the name of two devices:\n  /dev/vdb1 ext4 UUID=bb LABEL=data\n  /dev/vdc1 ext4 UUID=cc LABEL=data\nwhat tells them apart is root=UUID=bb and root=UUID=cc"},
		{"LABEL=copy", "", "one is a copy of the other or the same disk seen twice; remove one, or name it by its place: root=/dev/vdd1 or root=/dev/vdd2"},
		{"LABEL=disk", "vde1", ""},
		{"LABEL=inside", "dm-0", ""},
		{"/dev/mapper/plain", "dm-0", ""},
		{"/dev/dm-0", "dm-0", ""},
		{"PARTUUID=p1", "vda1", ""},
		{"PARTLABEL=system", "vda1", ""},
		{"/dev/vdb1", "vdb1", ""},
		{"/dev/vdz", "", ""},
	} {
		spec, err := parseRoot(tt.root)
		if err != nil {
			t.Fatal(err)
		}
		got, err := spec.pick(plain)
		if (got == nil) != (tt.want == "") || got != nil && got.Name != tt.want {
			t.Errorf("%s: got %v, want %q", tt.root, got, tt.want)
		}
		if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: got %v, want %q", tt.root, err, tt.err)
		}
	}
}

// One btrfs on several devices is one file system; a copy of a device of it is
// not another one, and a damaged one is not there.
func TestPickOfBtrfs(t *testing.T) {
	part := func(name string, member uint64) blockDevice {
		return blockDevice{Name: name, Holds: superblock{Type: "btrfs", UUID: "u", Members: 2, Member: member}}
	}
	spec := rootSpec{"UUID", "u"}
	for _, tt := range []struct {
		found           []blockDevice
		others, missing int
	}{
		{[]blockDevice{part("vda", 1)}, 0, 1},
		{[]blockDevice{part("vda", 1), part("vdb", 2)}, 1, 0},
	} {
		got, err := spec.pick(tt.found)
		if err != nil || got == nil || got.Name != "vda" {
			t.Fatalf("got %v, %v", got, err)
		}
		if others, missing := siblings(*got, tt.found); len(others) != tt.others || missing != tt.missing {
			t.Errorf("got %d others and %d missing, want %d and %d", len(others), missing, tt.others, tt.missing)
		}
	}
	damaged := part("vdb", 2)
	damaged.Holds.Damaged = true
	if _, missing := siblings(part("vda", 1), []blockDevice{part("vda", 1), damaged}); missing != 1 {
		t.Errorf("got %d missing, want a damaged one to count as that", missing)
	}
	if got, err := (rootSpec{"path", "vdb"}).pick([]blockDevice{part("vda", 1), part("vdb", 2)}); got == nil || got.Name != "vdb" || err != nil {
		t.Errorf("got %v, %v, want the device that was named", got, err)
	}
	if _, err := spec.pick([]blockDevice{part("vda", 1), part("vdb", 2), part("vdc", 1)}); err == nil {
		t.Error("a copy of a device was taken for another one")
	}
}

// What no driver makes is told in words, at once where the words alone say it.
func TestRootsOfOthers(t *testing.T) {
	for text, want := range map[string]string{
		"/dev/nfs": "on the network", "nfs:server:/x": "on the network", "nfs4:x": "on the network", "dhcp": "on the network", "iscsi:@host::3260:1:iqn.x": "on the network",
		"nbd:10.0.0.1:x": "on the network", "/dev/nbd0p1": "on the network", "ceph:mon:/": "on the network", "/dev/rbd0": "on the network", "https://host/x": "on the network",
		"zfs:pool/root": "in a ZFS pool", "ZFS=pool/root": "in a ZFS pool", "zfs": "in a ZFS pool", "/dev/zvol/pool/x": "in a ZFS pool",
		"live:CDLABEL=x": "an image", "tmpfs": "in memory", "/dev/ram0": "in memory",
	} {
		_, err := parseRoot(text)
		for _, part := range []string{"root=" + text, " is " + want, `"moss-init activate" in an image of dracut or initramfs-tools`} {
			if err == nil || !strings.Contains(err.Error(), part) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: got %v, want %q", text, err, part)
			}
		}
	}
	pv := blockDevice{Name: "sda2", Holds: superblock{Type: "LVM2_member"}}
	for _, tt := range []struct {
		root  string
		found []blockDevice
		want  string
	}{
		{"/dev/mapper/vg-root", []blockDevice{pv}, "/dev/sda2 is an LVM physical volume"},
		{"UUID=x", []blockDevice{pv}, "/dev/sda2 is an LVM physical volume"},
		{"LABEL=x", []blockDevice{{Name: "sdb", Holds: superblock{Type: "linux_raid_member"}}}, "(md)"},
		{"UUID=x", []blockDevice{{Name: "sdb", Holds: superblock{Type: "bcache"}}}, "bcache"},
		{"UUID=x", []blockDevice{{Name: "sdb", Holds: superblock{Type: "zfs_member"}}}, "ZFS"},
		{"PARTUUID=x", []blockDevice{pv}, ""},
		{"UUID=x", []blockDevice{device("sda1", "y", "")}, ""},
		{"/dev/mapper/mpatha", nil, "multipath"},
		{"/dev/mapper/vg-root", nil, "LVM"},
		{"/dev/vg/root", nil, "LVM"},
		{"/dev/md127", nil, "mdadm"},
		{"/dev/bcache0", nil, "bcache"},
		{"/dev/sda1", nil, ""},
		{"/dev/cciss/c0d0p1", nil, ""},
	} {
		spec, err := parseRoot(tt.root)
		if err != nil {
			t.Fatal(err)
		}
		got := spec.unserved(tt.found)
		if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) || got != "" && !strings.Contains(got, otherMode) {
			t.Errorf("%s: got %q, want %q", tt.root, got, tt.want)
		}
	}
}

func FuzzParseRoot(f *testing.F) {
	for _, text := range []string{"UUID=x", "/dev/disk/by-label/a\\x20", "8:1", "/dev/vda"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		spec, err := parseRoot(text)
		if err == nil && (spec.by == "" || spec.value == "" && !strings.Contains(text, "/disk/")) {
			t.Errorf("%q: got %+v", text, spec)
		}
	})
}
