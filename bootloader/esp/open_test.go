package esp_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moss/bootloader/esp"
)

// row is one of the order: what a machine has, and what is taken. A partition
// that would have to be mounted is named in the error of a query that mounts
// nothing.
type row struct {
	name     string
	disks    map[string][]volume
	mounts   []string
	device   string
	esp, dir string   // folders
	wants    []string // in the error, or in the warnings
}

func mountedRows(vfat []byte) []row {
	return []row{
		{"mounted, and verified", map[string][]volume{"vda": {{typeESP, "01", vfat}}}, []string{"8:1 /efi vfat /dev/vda1"}, "", "/efi", "/efi", nil},
		{"the ESP at /boot", map[string][]volume{"vda": {{typeESP, "01", vfat}}}, []string{"8:1 /boot vfat /dev/vda1"}, "", "/boot", "/boot", nil},
		{"the ESP at /boot/efi", map[string][]volume{"vda": {{typeESP, "01", vfat}}}, []string{"8:1 /boot/efi vfat /dev/vda1"}, "", "/boot/efi", "/boot/efi", nil},
		{"mounted at two places", map[string][]volume{"vda": {{typeESP, "01", vfat}}}, []string{"8:1 /efi vfat a", "8:1 /boot vfat a"}, "", "/efi", "/efi", nil},
		{"a folder of it bound to /boot", map[string][]volume{"vda": {{typeESP, "01", vfat}}}, []string{"8:1 /EFI/arch=/boot vfat a", "8:1 /boot/efi vfat a"}, "", "/boot/efi", "/boot/efi", nil},
		{
			"mounted before what the loader says", map[string][]volume{"vda": {{typeESP, "01", vfat}}, "vdb": {{typeESP, "02", vfat}}},
			[]string{"8:1 /efi vfat a"}, uuid("02"), "/efi", "/efi", []string{uuid("02"), "/efi"},
		},
		{
			"XBOOTLDR at /boot", map[string][]volume{"vda": {{typeESP, "01", vfat}, {typeXBOOTLDR, "02", vfat}}},
			[]string{"8:1 /efi vfat a", "8:2 /boot vfat b"}, "", "/efi", "/boot", nil,
		},
		{
			"the two the wrong way round", map[string][]volume{"vda": {{typeXBOOTLDR, "01", vfat}, {typeESP, "02", vfat}}},
			[]string{"8:1 /efi vfat a", "8:2 /boot vfat b"}, "", "/boot", "/efi", nil,
		},
		{
			"XBOOTLDR of another disk", map[string][]volume{"vda": {{typeESP, "01", vfat}}, "vdb": {{typeXBOOTLDR, "02", vfat}}},
			[]string{"8:1 /efi vfat a", "9:1 /boot vfat b"}, "", "/efi", "/efi", []string{"/boot", "vdb1", "not used"},
		},
		{
			"the second XBOOTLDR of the disk", map[string][]volume{"vda": {{typeESP, "01", vfat}, {typeXBOOTLDR, "02", []byte("ext4")}, {typeXBOOTLDR, "03", vfat}}},
			[]string{"8:1 /efi vfat a", "8:3 /boot vfat b"}, "", "/efi", "/efi", []string{"/boot", "vda3", "first"},
		},
		{
			"XBOOTLDR that no loader reads", map[string][]volume{"vda": {{typeESP, "01", vfat}, {typeXBOOTLDR, "02", []byte("ext4")}}},
			[]string{"8:1 /efi vfat a", "8:2 /boot ext4 b"}, "", "/efi", "/efi", nil,
		},
		{
			"XBOOTLDR not mounted", map[string][]volume{"vda": {{typeESP, "01", vfat}, {typeXBOOTLDR, "02", vfat}}},
			[]string{"8:1 /efi vfat a"}, "", "", "", []string{"vda2 is not mounted"},
		},
		{
			"only XBOOTLDR mounted", map[string][]volume{"vda": {{typeXBOOTLDR, "01", vfat}, {typeESP, "02", vfat}}, "vdb": {{typeESP, "03", vfat}}},
			[]string{"8:1 /boot vfat a", "9:1 / ext4 b"}, "", "", "", []string{"vda2 is not mounted"},
		},
		{
			"two mounted", map[string][]volume{"vda": {{typeESP, "01", vfat}}, "vdb": {{typeESP, "02", vfat}}},
			[]string{"8:1 /efi vfat a", "9:1 /boot vfat b"}, "", "", "", []string{"both /efi", "vda1", "and /boot", "vdb1"},
		},
		{
			"two mounted, and the loader came from one", map[string][]volume{"vda": {{typeESP, "01", vfat}}, "vdb": {{typeESP, "02", vfat}}},
			[]string{"8:1 /efi vfat a", "9:1 /boot vfat b"}, strings.ToUpper(uuid("02")), "/boot", "/boot", nil,
		},
		{
			"something else at /boot", map[string][]volume{"vda": {{typeData, "01", vfat}}},
			[]string{"8:1 /boot vfat a"}, "", "", "", []string{"none at /efi, /boot, /boot/efi", "/boot", "Microsoft basic data"},
		},
		{
			"something else beside the ESP", map[string][]volume{"vda": {{typeData, "01", vfat}, {typeESP, "02", vfat}}},
			[]string{"8:1 /boot vfat a", "8:2 /efi vfat b"}, "", "/efi", "/efi", []string{"/boot", "Microsoft basic data"},
		},
	}
}

func unmountedRows(vfat []byte) []row {
	return []row{
		{
			"what the loader says, on another disk than the root's", map[string][]volume{"vda": {{typeESP, "01", vfat}, {typeLinux, "02", nil}}, "vdb": {{typeESP, "03", vfat}}},
			[]string{"8:2 / ext4 a"}, strings.ToUpper(uuid("03")), "", "", []string{"vdb1 is not mounted"},
		},
		{
			"the loader's partition is on two disks", map[string][]volume{"vda": {{typeESP, "01", vfat}}, "vdb": {{typeESP, "01", vfat}}},
			[]string{"8:2 / ext4 a"}, uuid("01"), "", "", []string{"both", "vda1", "vdb1", "PARTUUID"},
		},
		{
			"the loader's partition is no ESP", map[string][]volume{"vda": {{typeData, "01", vfat}, {typeESP, "02", vfat}}},
			[]string{"8:1 / ext4 a"}, uuid("01"), "", "", []string{"vda2 is not mounted", "vda1", "Microsoft basic data"},
		},
		{
			"the loader's disk is gone: the one of the root's", map[string][]volume{"vda": {{typeESP, "01", vfat}, {typeLinux, "02", nil}}, "vdb": {{typeESP, "03", vfat}}},
			[]string{"8:2 / ext4 a"}, uuid("99"), "", "", []string{"vda1 is not mounted"},
		},
		{
			"the root's disk, not a stick", map[string][]volume{"vda": {{typeESP, "01", vfat}, {typeLinux, "02", nil}}, "vdb": {{typeESP, "03", vfat}}},
			[]string{"8:2 / ext4 a"}, "", "", "", []string{"vda1 is not mounted"},
		},
		{
			"only a stick has one", map[string][]volume{"vda": {{typeLinux, "02", nil}}, "vdb": {{typeESP, "03", vfat}}},
			[]string{"8:1 / ext4 a"}, "", "", "", []string{"none at"},
		},
		{
			"two on the root's disk", map[string][]volume{"vda": {{typeESP, "01", vfat}, {typeLinux, "02", nil}, {typeESP, "03", vfat}}},
			[]string{"8:2 / ext4 a"}, "", "", "", []string{"both", "vda1", "vda3"},
		},
		{"a root without a disk", map[string][]volume{"vda": {{typeESP, "01", vfat}}}, []string{"0:44 / overlay overlay"}, "", "", "", []string{"none at"}},
	}
}

func TestOrder(t *testing.T) {
	for _, c := range append(mountedRows(fat32()), unmountedRows(fat32())...) {
		t.Run(c.name, c.check)
	}
}

func (c row) check(t *testing.T) {
	b := newBox(t)
	for _, name := range []string{"vda", "vdb"} {
		if volumes, ok := c.disks[name]; ok {
			b.disk(name, 512, volumes...)
		}
	}
	b.mount(c.mounts...)
	q := b.query("/")
	q.Device = c.device
	got, err := esp.Open(q.Quietly())
	if got.ESP != c.esp || got.Dir != c.dir || (err == nil) != (c.esp != "") {
		t.Fatalf("got %+v, %v, want %q and %q", got, err, c.esp, c.dir)
	}
	said := strings.Join(got.Warnings(), "\n")
	if err != nil {
		said = err.Error()
		if hinter := hint(nil); !errors.As(err, &hinter) || hinter.Hint() == "" {
			t.Errorf("got %v, want a hint", err)
		}
	}
	for _, want := range c.wants {
		if !strings.Contains(said, want) {
			t.Errorf("got %q, want %q in it", said, want)
		}
	}
	if len(c.wants) == 0 && said != "" {
		t.Errorf("got %q, want nothing said", said)
	}
	if err := got.Close(); err != nil {
		t.Error(err)
	}
}

type hint interface{ Hint() string }

// An image that somebody works on is a copy of a disk, or will be one.
func TestImagesAreNoDisks(t *testing.T) {
	b := newBox(t)
	b.disk("loop0", 512, volume{typeESP, "01", fat32()})
	b.disk("vda", 512, volume{typeESP, "01", fat32()})
	q := b.query("/")
	q.Device = uuid("01")
	if got, err := esp.Open(q.Quietly()); err == nil || !strings.Contains(err.Error(), "dev/vda1 is not mounted") {
		t.Errorf("got %+v, %v, want /dev/vda1", got, err)
	}
	b.mount("8:0 / ext4 a") // but a system can run from one
	if got, err := esp.Open(b.query("/").Quietly()); err == nil || !strings.Contains(err.Error(), "dev/loop0p1 is not mounted") {
		t.Errorf("got %+v, %v, want /dev/loop0p1", got, err)
	}
}

func TestPartIsDescribed(t *testing.T) {
	for _, sector := range []int{512, 4096} {
		b := newBox(t)
		b.disk("nvme0n1", sector, volume{typeLinux, "01", nil}, volume{typeESP, "02", fat32()})
		b.mount("8:1 / ext4 a", "8:2 /efi vfat b")
		got, err := esp.Open(b.query("/"))
		want := esp.Part{
			Node: b.path("dev/nvme0n1p2"), Name: "nvme0n1p2", Disk: "nvme0n1", UUID: uuid("02"), Type: typeESP, Number: 2,
			First: uint64(startOf(1) / sector), Sectors: uint64(1 << gap / sector), FSType: "vfat",
		}
		if err != nil || got != (esp.Boot{ESP: "/efi", Dir: "/efi", ESPPart: want, DirPart: want}) {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
}

func TestPartOfMBR(t *testing.T) {
	b := newBox(t)
	b.disk("vda", 512, volume{typeESP, "01", fat32()}, volume{typeESP, "02", fat32()})
	b.write("dev/vda", string(mbr()))
	b.write("sys/devices/vda/vda1/start", "2\n")
	b.write("sys/devices/vda/vda2/start", "96\n")
	b.mount("8:1 /efi vfat a", "8:2 /boot vfat b")
	got, err := esp.Open(b.query("/"))
	if err != nil || got.ESP != "/efi" || got.Dir != "/boot" || got.ESPPart.UUID != "deadbeef-01" || got.DirPart.Type != "0xea" || got.DirPart.UUID != "deadbeef-02" {
		t.Errorf("got %+v, %v", got, err)
	}
	b.write("sys/devices/vda/vda1/start", "34\n") // a FAT of another type
	if got, err := esp.Open(b.query("/")); !errors.Is(err, esp.ErrNoBoot) || !strings.Contains(err.Error(), "FAT32") {
		t.Errorf("got %+v, %v, want the type named", got, err)
	}
}

// sysfs knows the identifier first; the table is asked for the rest.
func TestIdentifierOfTheKernel(t *testing.T) {
	b := newBox(t)
	b.disk("vda", 512, volume{typeESP, "01", fat32()})
	b.write("sys/devices/vda/vda1/uevent", "MAJOR=8\nPARTN=1\nPARTUUID=AAAAAAAA-0000-0000-0000-000000000000\n")
	b.mount("8:1 /efi vfat a")
	got, err := esp.Open(b.query("/"))
	if err != nil || got.ESPPart.UUID != "aaaaaaaa-0000-0000-0000-000000000000" || got.ESPPart.Type != typeESP {
		t.Errorf("got %+v, %v", got, err)
	}
}

// Where nothing tells the type, what is mounted is believed.
func TestNothingTellsTheType(t *testing.T) {
	for name, damage := range map[string]func(b *box){
		"a table that cannot be read": func(b *box) { os.Remove(b.path("dev/vda")) },
		"a damaged table":             func(b *box) { b.write("dev/vda", string(gptDisk(512, volume{kind: typeESP, tail: "01"})[:1024])) },
		"no sysfs":                    func(b *box) { os.RemoveAll(b.path("sys")) },
		"another table by now":        func(b *box) { b.write("sys/devices/vda/vda1/start", "7\n") },
	} {
		b := newBox(t)
		b.disk("vda", 512, volume{typeData, "01", fat32()})
		b.mount("8:1 /efi vfat a")
		damage(b)
		if got, err := esp.Open(b.query("/")); err != nil || got.ESP != "/efi" || got.Warnings() != nil {
			t.Errorf("%s: got %+v, %v, want /efi", name, got, err)
		}
	}
	b := newBox(t)
	b.disk("vda", 512, volume{typeESP, "01", fat32()})
	b.mount("8:1 / ext4 a")
	os.Remove(b.path("dev/vda"))
	if got, err := esp.Open(b.query("/")); !errors.Is(err, esp.ErrNoBoot) || !strings.Contains(err.Error(), "vda: ") {
		t.Errorf("got %+v, %v, want it said that the disk was not read", got, err)
	}
}

func TestExplicitWins(t *testing.T) {
	b := newBox(t)
	b.disk("vda", 512, volume{typeESP, "01", fat32()}, volume{typeData, "02", fat32()})
	dir := t.TempDir()
	b.mount("8:1 /efi vfat a", "8:2 "+dir+" vfat b")
	q := b.query("/")
	q.Explicit, q.Device = dir, uuid("01")
	got, err := esp.Open(q)
	if err != nil || got.ESP != dir || got.Dir != dir || got.ESPPart.Name != "vda2" || got.Warnings() != nil {
		t.Errorf("got %+v, %v, want %s whatever its type is", got, err, dir)
	}
	q.Explicit = filepath.Join(dir, "absent")
	if got, err := esp.Open(q); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %+v, %v", got, err)
	}
}

// The partitions of the running system are no answer for another root, not even
// when a link or the loader's word leads there.
func TestAnotherRootHasItsOwn(t *testing.T) {
	vfat := fat32()
	b := newBox(t)
	b.disk("vda", 512, volume{typeESP, "01", vfat}, volume{typeXBOOTLDR, "02", vfat}, volume{typeLinux, "03", nil}, volume{typeData, "04", vfat})
	root := t.TempDir()
	host := []string{"8:3 / ext4 a", "8:1 /efi vfat b", "8:2 /boot vfat c"}
	for _, place := range []string{"efi", "boot"} {
		if err := os.Mkdir(filepath.Join(root, place), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	q := b.query(root)
	q.Device = uuid("01")
	at := func(place string) string { return filepath.Join(root, place) }
	for _, c := range []struct{ name, mounts, esp, dir string }{
		{"plain folders", "", "efi", "efi"},
		{"an ESP of its own, whose disk has XBOOTLDR", "8:1 efi vfat x", "efi", "efi"},
		{"both of its own", "8:1 efi vfat x,8:2 boot vfat y", "efi", "boot"},
		{"something else is mounted there", "8:4 efi vfat x,8:4 boot/efi vfat x", "boot", "boot"},
		{"only XBOOTLDR", "8:2 boot vfat x", "", ""},
	} {
		mounts := host
		for line := range strings.SplitSeq(c.mounts, ",") {
			if f := strings.Fields(line); len(f) == 4 {
				mounts = append(mounts[:len(mounts):len(mounts)], f[0]+" "+at(f[1])+" vfat "+f[3])
			}
		}
		b.mount(mounts...)
		got, err := esp.Open(q)
		if c.esp == "" && !errors.Is(err, esp.ErrNoBoot) || c.esp != "" && (err != nil || got.ESP != at(c.esp) || got.Dir != at(c.dir)) {
			t.Errorf("%s: got %+v, %v, want %s and %s", c.name, got, err, c.esp, c.dir)
		}
	}
	b.disk("vdb", 512, volume{typeESP, "09", vfat})
	b.mount("8:1 "+at("efi")+" vfat x", "9:1 "+at("boot")+" vfat y")
	var two *esp.AmbiguousError
	if got, err := esp.Open(q); !errors.As(err, &two) {
		t.Errorf("got %+v, %v, want no choice by what started the running system", got, err)
	}
	if left, err := os.ReadDir(b.path("run")); err != nil || len(left) > 0 {
		t.Errorf("got %v, %v, want nothing mounted", left, err)
	}
}

func TestBIOS(t *testing.T) {
	b := newBox(t)
	b.disk("vda", 512, volume{typeESP, "01", fat32()}, volume{typeLinux, "02", nil})
	if err := os.Remove(b.path("sys/firmware/efi")); err != nil {
		t.Fatal(err)
	}
	b.mount("8:2 / ext4 a", "8:2 /boot ext4 a", "8:1 /efi vfat b")
	got, err := esp.Open(b.query("/"))
	if err != nil || got.Dir != "/boot" || got.ESP != "/boot" || got.DirPart.Name != "vda2" || got.DirPart.FSType != "ext4" {
		t.Errorf("got %+v, %v, want what is mounted at /boot", got, err)
	}
	b.mount("8:2 / ext4 a", "0:44 /boot autofs systemd-1")
	if got, err := esp.Open(b.query("/")); !errors.Is(err, esp.ErrNoBoot) {
		t.Errorf("got %+v, %v, want no automount that did not wake", got, err)
	}
	root := t.TempDir()
	q := b.query(root)
	q.BIOS = true
	if got, err := esp.Open(q); !errors.Is(err, esp.ErrNoBoot) || !strings.Contains(err.Error(), filepath.Join(root, "boot")) {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, place := range []string{"boot", "efi"} {
		if err := os.Mkdir(filepath.Join(root, place), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := esp.Open(q); err != nil || got != (esp.Boot{ESP: filepath.Join(root, "boot"), Dir: filepath.Join(root, "boot")}) {
		t.Errorf("got %+v, %v, want the folder /boot", got, err)
	}
}

func TestUncleanIsSaid(t *testing.T) {
	const line = "4,512,7,-;FAT-fs (vda1): Volume was not properly unmounted. Some data may be corrupt. Please run fsck.\n SUBSYSTEM=block\n"
	for _, c := range []struct {
		name, log, mode string
		mark            byte
		dirty           bool
	}{
		{"mounted for writing, which sets the mark", "6,1,2,-;nothing\n", "rw", 1, false},
		{"mounted for writing, and the kernel complained", line, "rw", 1, true},
		{"the kernel complained of another", strings.ReplaceAll(line, "vda1", "vda11"), "rw", 0, false},
		{"mounted read-only, marked", "", "ro", 1, true},
		{"mounted read-only, not marked", line, "ro", 0, false},
	} {
		b := newBox(t)
		b.disk("vda", 512, volume{typeESP, "01", with(fat32(), 0x41, c.mark)})
		b.write("dev/kmsg", c.log)
		b.mount("8:1 /efi vfat a " + c.mode)
		for _, explicit := range []string{"", "/efi"} {
			q := b.query("/")
			if q.Explicit = explicit; explicit != "" {
				q.Explicit = t.TempDir()
				b.mount("8:1 " + q.Explicit + " vfat a " + c.mode)
			}
			got, err := esp.Open(q)
			if err != nil || got.ESPPart.Dirty != c.dirty || (len(got.Warnings()) == 1) != c.dirty {
				t.Errorf("%s: got %+v, %v, %v", c.name, got, got.Warnings(), err)
			}
			if said := strings.Join(got.Warnings(), ""); c.dirty && !strings.Contains(said, "fsck.fat -p "+b.path("dev/vda1")) {
				t.Errorf("%s: got %q, want the command to type", c.name, said)
			}
		}
	}
}
