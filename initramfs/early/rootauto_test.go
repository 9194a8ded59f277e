package early

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"moss/internal/gpt"
	"moss/internal/gpt/gpttest"
	"moss/internal/testutil"
)

const espType = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"

func partUUID(n int) string { return fmt.Sprintf("12345678-9abc-4def-8123-456789abcd%02x", n) }

// plugTable adds a disk with a table, whose partitions hold a file system each.
// The kernel is one that tells their UUIDs by itself if it is new.
func plugTable(t *testing.T, top, name string, isNew bool, parts ...gpt.Part) {
	t.Helper()
	plug(t, top, name, gpttest.Disk(512, 2048, someUUID, parts...))
	for _, p := range parts {
		part, uuid := fmt.Sprintf("%s%d", name, p.Number), ""
		if isNew {
			uuid = "PARTUUID=" + p.UUID + "\n"
		}
		testutil.Tree{
			"sys/devices/" + name + "/" + part + "/size":   "64\n",
			"sys/devices/" + name + "/" + part + "/uevent": fmt.Sprintf("MAJOR=254\nMINOR=%d\nPARTN=%d\n%s", p.Number, p.Number, uuid),
			"dev/" + part: string(ext4("root of " + part)),
		}.Create(t, top)
		link(t, filepath.Join(top, "sys/class/block", part), "../../devices/"+name+"/"+part)
	}
}

func part(number int, kind string, attributes uint64) gpt.Part {
	return gpt.Part{Number: number, Type: kind, UUID: partUUID(number), First: uint64(64 * number), Last: uint64(64*number + 63), Attributes: attributes}
}

// loaderSays is the variable of a loader.
func loaderSays(t *testing.T, top, uuid string) {
	t.Helper()
	testutil.Tree{"sys/firmware/efi/efivars/LoaderDevicePartUUID" + loaderVendor: "\x06\x00\x00\x00" + wide(uuid) + "\x00\x00"}.Create(t, top)
}

// This kind of machine has a root type; the other kinds' are not taken for it.
func TestRootPartitionTypes(t *testing.T) {
	mine := rootType(runtime.GOARCH)
	if len(mine) != 36 || mine != strings.ToLower(mine) {
		t.Fatalf("got %q", mine)
	}
	for _, arch := range []string{"amd64", "arm64", "riscv64"} {
		if got := rootType(arch); got == "" || (got == mine) != (arch == runtime.GOARCH) {
			t.Errorf("%s: got %q", arch, got)
		}
	}
	if rootType("mips") != "" {
		t.Error("got a type for a kind of machine that none is known for here")
	}
}

func TestFindRootByTable(t *testing.T) {
	mine := rootType(runtime.GOARCH)
	for name, tt := range map[string]struct {
		line, loader string
		vda, vdb     []gpt.Part
		want, err    string
		readOnly     bool
	}{
		"the loader's disk":                {loader: partUUID(1), vda: []gpt.Part{part(4, mine, 0)}, vdb: []gpt.Part{part(1, espType, 0), part(2, mine, 0)}, want: "vdb2"},
		"in capitals":                      {loader: strings.ToUpper(partUUID(1)), vdb: []gpt.Part{part(1, espType, 0), part(2, mine, 0)}, want: "vdb2"},
		"root=gpt-auto":                    {line: "root=gpt-auto", loader: partUUID(1), vdb: []gpt.Part{part(1, espType, 0), part(2, mine, 0)}, want: "vdb2"},
		"no loader, one there is":          {vda: []gpt.Part{part(3, espType, 0)}, vdb: []gpt.Part{part(1, espType, 0), part(2, mine, 0)}, want: "vdb2"},
		"read-only":                        {loader: partUUID(1), vdb: []gpt.Part{part(1, espType, 0), part(2, mine, 1<<60)}, want: "vdb2", readOnly: true},
		"no-auto is not taken":             {loader: partUUID(1), vdb: []gpt.Part{part(1, espType, 0), part(2, mine, 1<<63), part(3, mine, 0)}, want: "vdb3"},
		"only no-auto":                     {loader: partUUID(1), vdb: []gpt.Part{part(1, espType, 0), part(2, mine, 1<<63)}, err: "the root partition (no root= is given) did not appear within 20ms\nno partition of the type " + mine + " is on the loader's disk /dev/vdb; put root=UUID=… into the entry\ndevices found:"},
		"two on the loader's disk":         {loader: partUUID(1), vdb: []gpt.Part{part(1, espType, 0), part(2, mine, 0), part(3, mine, 0)}, err: "could be any of these:\n  /dev/vdb2 ext4 UUID=" + someUUID},
		"two disks, no loader":             {vda: []gpt.Part{part(3, mine, 0)}, vdb: []gpt.Part{part(1, espType, 0), part(2, mine, 0)}, err: "name one in the entry: root=PARTUUID=" + partUUID(3)},
		"a root of another kind":           {vdb: []gpt.Part{part(1, espType, 0), part(2, espType, 0)}, err: "no disk has a partition of the type " + mine},
		"the loader's disk is not there":   {loader: partUUID(7), vdb: []gpt.Part{part(1, espType, 0), part(2, mine, 0)}, err: "the loader came from the partition with PARTUUID=" + partUUID(7) + ", which is not there"},
		"the root is on the other disk":    {loader: partUUID(1), vda: []gpt.Part{part(4, mine, 0)}, vdb: []gpt.Part{part(1, espType, 0)}, err: "is on the loader's disk /dev/vdb"},
		"root= counts more than the table": {line: "root=PARTUUID=" + partUUID(1), loader: partUUID(1), vdb: []gpt.Part{part(1, espType, 0), part(2, mine, 0)}, want: "vdb1"},
	} {
		for _, isNew := range []bool{false, true} {
			if isNew && tt.loader != partUUID(1) || isNew && tt.want == "" {
				continue // what the kernel tells makes no difference there
			}
			b := machine(t, tt.line)
			if tt.loader != "" {
				loaderSays(t, b.Top, tt.loader)
			}
			plugTable(t, b.Top, "vda", isNew, tt.vda...)
			plugTable(t, b.Top, "vdb", isNew, tt.vdb...)
			err := b.findWithin(tick)
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s: got %v, want %q", name, err, tt.err)
			}
			if tt.want != "" && (b.root == nil || b.root.Name != tt.want || b.care.readOnly != tt.readOnly) {
				t.Errorf("%s: got %v, read-only %v, want %s", name, b.root, b.care.readOnly, tt.want)
			}
		}
	}
}

// The flag of the table counts like ro; rw on the command line is a person's word.
func TestReadOnlyOfTheTable(t *testing.T) {
	for line, want := range map[string]bool{"": true, "ro": true, "rw": false} {
		b := machine(t, line)
		b.care.readOnly = true
		flags, _ := b.rootOptions()
		if got := flags&1 != 0; got != want {
			t.Errorf("%q: got read-only %v, want %v", line, got, want)
		}
	}
}

// The kernel tells names of partitions with one byte a letter; the table has them
// as they are.
func TestPartitionNameBeyondASCII(t *testing.T) {
	for _, isNew := range []bool{false, true} {
		b, p := machine(t, ""), part(1, espType, 0)
		p.Name = "rØØt Ł"
		plugTable(t, b.Top, "vda", isNew, p)
		uevent := filepath.Join(b.Top, "sys/devices/vda/vda1/uevent")
		testutil.Tree{"sys/devices/vda/vda1/uevent": testutil.Read(t, uevent) + "\nPARTNAME=r\xd8\xd8t A\n"}.Create(t, b.Top)
		if d, err := huntFor(t, b, "PARTLABEL="+p.Name, tick); err != nil || d.Name != "vda1" {
			t.Errorf("new kernel %v: got %v, %v", isNew, d, err)
		}
	}
}
