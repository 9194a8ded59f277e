package esp_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moss/bootloader/esp"
)

func readTable(disk []byte, sector int) ([]esp.Slot, error) {
	return esp.ReadTable(bytes.NewReader(disk), int64(len(disk)), int64(sector))
}

func TestReadTable(t *testing.T) {
	for _, sector := range []int{512, 4096} {
		disk := func() []byte {
			return gpt(sector, volume{kind: typeESP, tail: "01"}, volume{kind: typeLinux, tail: "02"})
		}
		unit := uint64(sector)
		want := []esp.Slot{
			{Type: typeESP, UUID: uuid("01"), First: 1 << gap / unit, Sectors: 1 << gap / unit},
			{Type: typeLinux, UUID: uuid("02"), First: 2 << gap / unit, Sectors: 1 << gap / unit},
		}
		good := disk()
		end := len(good) - sector
		for name, c := range map[string]struct {
			disk []byte
			ok   bool
		}{
			"whole":                          {good, true},
			"first header damaged":           {with(disk(), sector+72, 9), true},
			"first entries damaged":          {with(disk(), 2*sector+3, 9), true},
			"second header damaged":          {with(disk(), end+72, 9), true},
			"both headers damaged":           {with(with(disk(), sector+72, 9), end+16, 9), false},
			"both arrays of entries damaged": {with(with(disk(), 2*sector, 9), end-max(entries, sector), 9), false},
			"no protective MBR":              {with(disk(), 0x1fe, 0), false},
			"the other sector size":          {gpt(512 + 4096 - sector), false},
			"a header of another place":      {moved(disk(), sector), false},
		} {
			got, err := readTable(c.disk, sector)
			if (err == nil) != c.ok {
				t.Errorf("%d, %s: got %v, %v", sector, name, got, err)
			} else if diff := cmp.Diff(want, got); c.ok && diff != "" {
				t.Errorf("%d, %s: (-want +got)\n%s", sector, name, diff)
			}
		}
	}
	for _, sector := range []int{0, 511, 513, 1 << 17} {
		if got, err := readTable(gpt(512), sector); err == nil {
			t.Errorf("sector size %d: got %v, want an error", sector, got)
		}
	}
}

// moved puts the second header, which is sound, where the first belongs.
func moved(disk []byte, sector int) []byte {
	copy(disk[sector:2*sector], disk[len(disk)-sector:])
	return disk[:len(disk)-sector]
}

// A header with right checksums can still ask for all memory or for nonsense.
func TestReadTableBelievesNoNumber(t *testing.T) {
	le := binary.LittleEndian
	for name, change := range map[string]func(header []byte){
		"too many entries":    func(h []byte) { le.PutUint32(h[80:], 1<<31) },
		"entries too large":   func(h []byte) { le.PutUint32(h[84:], 1<<30) },
		"entries too small":   func(h []byte) { le.PutUint32(h[84:], 64) },
		"odd entries":         func(h []byte) { le.PutUint32(h[84:], 130) },
		"entries at nowhere":  func(h []byte) { le.PutUint64(h[72:], 1<<63) },
		"entries at the MBR":  func(h []byte) { le.PutUint64(h[72:], 0) },
		"header beyond bound": func(h []byte) { le.PutUint32(h[12:], 1<<20) },
		"header too short":    func(h []byte) { le.PutUint32(h[12:], 8) },
	} {
		disk := gpt(512, volume{kind: typeESP, tail: "01"})
		for _, at := range []int{512, len(disk) - 512} {
			header := disk[at : at+512]
			change(header)
			copy(header[16:], "\x00\x00\x00\x00")
			if n := le.Uint32(header[12:]); n <= 512 {
				le.PutUint32(header[16:], crc32.ChecksumIEEE(header[:n]))
			}
		}
		if got, err := readTable(disk, 512); err == nil {
			t.Errorf("%s: got %v, want an error", name, got)
		}
	}
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
		cmd := exec.CommandContext(t.Context(), "sfdisk", "-q", image)
		cmd.Stdin = strings.NewReader(script)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Skipf("this machine has no sfdisk: %v %s", err, out)
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

// The input is the start of a disk; mend makes the checksums right, which chance
// would never do.
func FuzzReadTable(f *testing.F) {
	const size = 1 << 20
	f.Add(gpt(512, volume{kind: typeESP, tail: "01"})[:2048], 512, true)
	f.Add(gpt(512, volume{kind: typeESP, tail: "01"})[:2048], 512, false)
	f.Add(gpt(4096, volume{kind: typeXBOOTLDR, tail: "01"})[:12<<10], 4096, true)
	f.Add(mbr()[:1024], 512, false)
	f.Add(fat32()[:512], 512, false)
	f.Fuzz(func(t *testing.T, disk []byte, sector int, mend bool) {
		if mend {
			mendGPT(disk, sector)
		}
		slots, err := esp.ReadTable(bytes.NewReader(disk), size, int64(sector))
		if err != nil && slots != nil {
			t.Errorf("got %v and %v", slots, err)
		}
		for _, s := range slots {
			if len(s.Type) != 36 && len(s.Type) != 4 || len(s.UUID) != 36 && len(s.UUID) != 8 || s.Sectors == 0 {
				t.Errorf("got %+v", s)
			}
			if len(s.Type) == 36 && (s.First > size || s.Sectors > size || (s.First+s.Sectors)*uint64(sector) > size) {
				t.Errorf("got %+v on a disk of %d bytes", s, size)
			}
		}
	})
}

func mendGPT(disk []byte, sector int) {
	le := binary.LittleEndian
	if sector < 512 || sector > 1<<16 || len(disk) < sector+512 {
		return
	}
	header := disk[sector:]
	first, n, size := le.Uint64(header[72:]), uint64(le.Uint32(header[80:]))*uint64(le.Uint32(header[84:])), le.Uint32(header[12:])
	if total := uint64(len(disk)); first < total && n < total && first*uint64(sector)+n <= total {
		le.PutUint32(header[88:], crc32.ChecksumIEEE(disk[first*uint64(sector):][:n]))
	}
	if size >= 92 && int(size) <= len(header) {
		copy(header[16:], "\x00\x00\x00\x00")
		le.PutUint32(header[16:], crc32.ChecksumIEEE(header[:size]))
	}
}
