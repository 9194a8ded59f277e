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
		"", "UUID=", "vda", "nfs:server:/x", "/dev/nfs", "/dev/root", "/dev/", "ZFS=pool", "dhcp",
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
	for _, tt := range []struct{ root, want, err string }{
		{"UUID=aa", "vda1", ""},
		{"LABEL=root", "vda1", ""},
		{"LABEL=ROOT", "", ""},
		{"LABEL=data", "", "vdb1 ext4 UUID=bb LABEL=data and /dev/vdc1"},
		{"PARTUUID=p1", "vda1", ""},
		{"PARTLABEL=system", "vda1", ""},
		{"/dev/vdb1", "vdb1", ""},
		{"/dev/vdz", "", ""},
	} {
		spec, err := parseRoot(tt.root)
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := spec.pick(plain)
		if (got == nil) != (tt.want == "") || got != nil && got.Name != tt.want {
			t.Errorf("%s: got %v, want %q", tt.root, got, tt.want)
		}
		if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: got %v, want %q", tt.root, err, tt.err)
		}
	}
}

// One btrfs on several devices is one file system, and not there before all of
// them are; a copy of a device of it is not another one.
func TestPickOfBtrfs(t *testing.T) {
	part := func(name string, member uint64) blockDevice {
		return blockDevice{Name: name, Holds: superblock{Type: "btrfs", UUID: "u", Members: 2, Member: member}}
	}
	spec := rootSpec{"UUID", "u"}
	if got, _, err := spec.pick([]blockDevice{part("vda", 1)}); got != nil || err != nil {
		t.Errorf("got %v, %v, want to wait for the second device", got, err)
	}
	got, others, err := spec.pick([]blockDevice{part("vda", 1), part("vdb", 2)})
	if got == nil || got.Name != "vda" || len(others) != 1 || others[0].Name != "vdb" || err != nil {
		t.Errorf("got %v, %v, %v", got, others, err)
	}
	if got, _, err := (rootSpec{"path", "vdb"}).pick([]blockDevice{part("vda", 1), part("vdb", 2)}); got == nil || got.Name != "vdb" || err != nil {
		t.Errorf("got %v, %v, want the device that was named", got, err)
	}
	if _, _, err := spec.pick([]blockDevice{part("vda", 1), part("vdb", 2), part("vdc", 1)}); err == nil {
		t.Error("a copy of a device was taken for another one")
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
