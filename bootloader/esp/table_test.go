package esp_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moss/bootloader/esp"
	"moss/internal/testutil/need"
)

func readTable(disk []byte, sector int) ([]esp.Slot, error) {
	return esp.ReadTable(bytes.NewReader(disk), int64(len(disk)), int64(sector))
}

// mbr has an ESP, an extended partition with two logical ones, and XBOOTLDR.
func mbr() []byte {
	disk := make([]byte, 64<<10)
	put := func(at, i int, kind byte, first, n uint32) {
		entry := disk[at+0x1be+16*i:]
		entry[4] = kind
		binary.LittleEndian.PutUint32(entry[8:], first)
		binary.LittleEndian.PutUint32(entry[12:], n)
		copy(disk[at+0x1fe:], "\x55\xaa")
	}
	copy(disk[0x1b8:], "\xef\xbe\xad\xde")
	put(0, 0, 0xef, 2, 8)
	put(0, 1, 0x0f, 16, 64)
	put(0, 3, 0xea, 96, 16)
	put(16*512, 0, 0x83, 2, 8)
	put(16*512, 1, 0x05, 16, 16) // relative to the extended partition
	put(32*512, 0, 0x0c, 2, 4)
	return disk
}

func TestReadTableOfMBR(t *testing.T) {
	const id = "deadbeef"
	want := []esp.Slot{
		{Type: "0xef", UUID: id, First: 2, Sectors: 8}, {Type: "0x83", UUID: id, First: 18, Sectors: 8},
		{Type: "0x0c", UUID: id, First: 34, Sectors: 4}, {Type: "0xea", UUID: id, First: 96, Sectors: 16},
	}
	got, err := readTable(mbr(), 512)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	ring := mbr()
	ring[32*512+0x1be+16+4], ring[32*512+0x1be+16+8], ring[32*512+0x1be+16+12] = 0x05, 16, 16
	if got, err := readTable(ring, 512); err != nil || len(got) > 200 {
		t.Errorf("a ring of logical partitions: got %d, %v", len(got), err)
	}
	if got, err := readTable(with(fat32(), 0x1be, 0x33), 512); err == nil {
		t.Errorf("a file system without a table: got %v", got)
	}
}

// The tables that sfdisk writes.
func TestReadTableAgreesWithSfdisk(t *testing.T) {
	for label, script := range map[string]string{
		"gpt": "label: gpt\nsize=8M, type=" + typeESP + ", uuid=" + uuid("01") + "\nsize=4M, type=" + typeXBOOTLDR + ", uuid=" + uuid("02") + "\n",
		"dos": "label: dos\nlabel-id: 0xdeadbeef\nsize=8M, type=ef\nsize=1M\nsize=1M\nsize=12M, type=f\nsize=4M, type=ea\n",
	} {
		image := sparse(t, 64<<20)
		cmd := exec.CommandContext(t.Context(), need.Program(t, "sfdisk"), "-q", image)
		cmd.Stdin = strings.NewReader(script)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("sfdisk: %v %s", err, out)
		}
		f, err := os.Open(image)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		want := []esp.Slot{{Type: typeESP, UUID: uuid("01"), First: 2048, Sectors: 16384}, {Type: typeXBOOTLDR, UUID: uuid("02"), First: 18432, Sectors: 8192}}
		if label == "dos" { // the fifth is logical: a link of the chain lies before it
			const id = "deadbeef"
			want = []esp.Slot{
				{Type: "0xef", UUID: id, First: 2048, Sectors: 16384}, {Type: "0x83", UUID: id, First: 18432, Sectors: 2048},
				{Type: "0x83", UUID: id, First: 20480, Sectors: 2048}, {Type: "0xea", UUID: id, First: 24576, Sectors: 8192},
			}
		}
		got, err := esp.ReadTable(f, 64<<20, 512)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got)\n%s", label, err, diff)
		}
	}
}

func sparse(t *testing.T, size int64) string {
	t.Helper()
	image := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(image, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, size); err != nil {
		t.Fatal(err)
	}
	return image
}

func FuzzReadTable(f *testing.F) {
	f.Add(gptDisk(512, volume{kind: typeESP, tail: "01"}), 512)
	f.Add(mbr()[:20<<10], 512)
	f.Add(fat32()[:512], 512)
	f.Fuzz(func(t *testing.T, disk []byte, sector int) {
		slots, err := readTable(disk, sector)
		if err != nil && slots != nil {
			t.Errorf("got %v and %v", slots, err)
		}
		for _, s := range slots {
			if len(s.Type) != 36 && len(s.Type) != 4 || len(s.UUID) != 36 && len(s.UUID) != 8 || s.Sectors == 0 {
				t.Errorf("got %+v", s)
			}
		}
	})
}
