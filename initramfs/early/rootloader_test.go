package early

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"moss/internal/gpt"
	"moss/internal/testutil"
)

// named is a partition with a label, of a second disk if its UUID is another one.
func named(number, uuid int, name string) gpt.Part {
	p := part(number, espType, 0)
	p.UUID, p.Name = partUUID(uuid), name
	return p
}

// Of two equal labels the one on the loader's disk is taken, with words; of copies
// none is, nor where nobody knows the loader's disk.
func TestEqualLabels(t *testing.T) {
	label := func(first byte) string {
		front := ext4("root")
		front[1024+0x68] = first // of the UUID
		return string(front)
	}
	for name, tt := range map[string]struct {
		root, loader string
		copied, twin bool
		want         string
	}{
		"by the file system's": {root: "LABEL=root", loader: partUUID(1), want: "vdb2"},
		"by the partition's":   {root: "PARTLABEL=root", loader: partUUID(1), want: "vdb2"},
		"the other disk's":     {root: "LABEL=root", loader: partUUID(17), want: "vda2"},
		"no loader":            {root: "LABEL=root"},
		"loader not there":     {root: "LABEL=root", loader: partUUID(9)},
		"a copy":               {root: "LABEL=root", loader: partUUID(1), copied: true},
		"a copy, by partition": {root: "PARTLABEL=root", loader: partUUID(1), copied: true},
		"two on the disk":      {root: "LABEL=root", loader: partUUID(1), twin: true},
		"by an equal UUID":     {root: "UUID=" + someUUID, loader: partUUID(1), copied: true},
	} {
		b := machine(t, "root="+tt.root)
		if tt.loader != "" {
			loaderSays(t, b.Top, tt.loader)
		}
		plugTable(t, b.Top, "vda", false, named(1, 17, "esp"), named(2, 18, "root"))
		plugTable(t, b.Top, "vdb", false, named(1, 1, "esp"), named(2, 2, "root"), named(3, 3, "spare"))
		fronts := testutil.Tree{"dev/vda1": "", "dev/vdb1": "", "dev/vdb3": "", "dev/vda2": label(1), "dev/vdb2": label(2)}
		if tt.copied {
			fronts["dev/vda2"] = fronts["dev/vdb2"]
		}
		if strings.HasPrefix(tt.root, "UUID") {
			fronts["dev/vda2"], fronts["dev/vdb2"] = string(ext4("root")), string(ext4("root"))
		}
		if tt.twin {
			fronts["dev/vdb3"] = label(3)
		}
		fronts.Create(t, b.Top)
		err := b.findWithin(tick)
		if tt.want == "" {
			if err == nil || !strings.Contains(err.Error(), "is the name of two devices:\n  /dev/vda2") {
				t.Errorf("%s: got %v, %v", name, b.root, err)
			}
			continue
		}
		if err != nil || b.root.Name != tt.want {
			t.Errorf("%s: got %v, %v, want %s", name, b.root, err, tt.want)
			continue
		}
		other := strings.NewReplacer("vda", "vdb", "vdb", "vda").Replace(tt.want)
		if said := screen(t, b); !strings.Contains(said, "root="+tt.root+" is the name of /dev/"+other+" ext4") || !strings.Contains(said, ", too; taking /dev/"+tt.want+" ext4") {
			t.Errorf("%s: said %q", name, said)
		}
	}
}

// A loader's partition that is there twice says nothing.
func TestLoadersDiskTwice(t *testing.T) {
	b, mine := machine(t, ""), rootType(runtime.GOARCH)
	loaderSays(t, b.Top, partUUID(1))
	plugTable(t, b.Top, "vda", true, part(1, espType, 0), part(2, mine, 0))
	plugTable(t, b.Top, "vdb", true, part(1, espType, 0), part(2, mine, 0))
	if err := b.findWithin(tick); err == nil {
		t.Errorf("got %v", b.root)
	}
}

// An optical drive is read when nothing else has the name, or by its own.
func TestOpticalLast(t *testing.T) {
	for _, tt := range []struct {
		root string
		read bool
		want string
	}{
		{"LABEL=disk", false, "vda"},
		{"LABEL=medium", true, "sr0"},
		{"/dev/sr0", true, "sr0"},
		{"PARTUUID=" + partUUID(1), false, ""},
	} {
		b := machine(t, "root="+tt.root)
		plug(t, b.Top, "sr0", ext4("medium"))
		plug(t, b.Top, "vda", ext4("disk"))
		h := b.newHunt(nil, "", tick)
		if err := h.aim(); err != nil {
			t.Fatal(err)
		}
		root, err := h.run()
		if (err == nil) != (tt.want != "") || err == nil && (root.Name != tt.want || root.Holds.Type != "ext4") || h.devices.optical != tt.read {
			t.Errorf("%s: got %v, %v, read %v", tt.root, root, err, h.devices.optical)
		}
	}
}

// Where no loader says which disk is meant, the first root partition is not taken
// before the others can be there.
func TestSecondRootComesLater(t *testing.T) {
	b, mine := machine(t, ""), rootType(runtime.GOARCH)
	plugTable(t, b.Top, "vda", true, part(2, mine, 0))
	h := b.newHunt(nil, "", time.Minute)
	if err := h.aim(); err != nil {
		t.Fatal(err)
	}
	type result struct {
		root *blockDevice
		err  error
	}
	results := make(chan result, 1)
	go func() {
		root, err := h.look()
		results <- result{root, err}
	}()
	late := part(2, mine, 0)
	late.UUID = partUUID(40)
	select {
	case got := <-results:
		t.Fatalf("got %v, %v at once", got.root, got.err)
	case <-time.After(5 * tick):
	}
	plugTable(t, b.Top, "vdb", true, late)
	if got := <-results; got.err == nil || !strings.Contains(got.err.Error(), "could be any of these") {
		t.Errorf("got %v, %v", got.root, got.err)
	}
}

// Each block device that comes makes the wait begin anew.
func TestSettleCountsBlockDevices(t *testing.T) {
	h := machine(t, "").newHunt(nil, "", time.Minute)
	h.take(event{"ACTION": "add", "SUBSYSTEM": "usb", "DEVPATH": "/devices/x"})
	if h.blocks != 0 {
		t.Error("a device of another kind was counted")
	}
	h.take(event{"ACTION": "add", "SUBSYSTEM": "block", "DEVPATH": "/devices/x/block/vdb"})
	if h.blocks != 1 {
		t.Error("a block device was not counted")
	}
}
