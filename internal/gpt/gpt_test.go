package gpt_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moss/internal/gpt"
	"moss/internal/gpt/gpttest"
	"moss/internal/testutil/need"
)

const (
	diskID    = "0a1b2c3d-0000-4000-8000-00000000000a"
	typeESP   = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
	typeLinux = "0fc63daf-8483-4772-8e79-3d69d8477de4"
	sectors   = 200
)

func uuid(n int) string { return fmt.Sprintf("12345678-9abc-4def-8123-456789abcd%02x", n) }

// parts leave out a number, and have names that are long and far from ASCII.
func parts() []gpt.Part {
	return []gpt.Part{
		{Number: 1, Type: typeESP, UUID: uuid(1), Name: "EFI system", First: 40, Last: 79, Attributes: 1},
		{Number: 2, Type: typeLinux, UUID: uuid(2), Name: "røøt Ā 😀", First: 80, Last: 89},
		{Number: 4, Type: typeLinux, UUID: uuid(4), Name: strings.Repeat("x", 36), First: 90, Last: 90, Attributes: 1<<63 | 1<<60},
		{Number: 5, Type: typeLinux, UUID: uuid(5), First: 91, Last: 99},
	}
}

func read(disk []byte, sector int) (gpt.Table, error) {
	return gpt.Read(bytes.NewReader(disk), int64(len(disk)), int64(sector))
}

func with(b []byte, at int, v byte) []byte {
	b[at] = v
	return b
}

func TestRead(t *testing.T) {
	for _, sector := range []int{512, 4096} {
		disk := func() []byte { return gpttest.Disk(sector, sectors, diskID, parts()...) }
		end := (sectors - 1) * sector
		for name, c := range map[string]struct {
			disk []byte
			ok   bool
		}{
			"whole":                          {disk(), true},
			"first header damaged":           {with(disk(), sector+72, 9), true},
			"first entries damaged":          {with(disk(), 2*sector+3, 9), true},
			"second header damaged":          {with(disk(), end+72, 9), true},
			"both headers damaged":           {with(with(disk(), sector+72, 9), end+16, 9), false},
			"both arrays of entries damaged": {with(with(disk(), 2*sector, 9), end-max(gpttest.Entries, sector), 9), false},
			"no protective MBR":              {with(disk(), 0x1fe, 0), false},
			"the other sector size":          {gpttest.Disk(512+4096-sector, sectors, diskID), false},
			"a header of another place":      {moved(disk(), sector), false},
			"cut off":                        {disk()[:sector+100], false},
		} {
			got, err := read(c.disk, sector)
			if (err == nil) != c.ok {
				t.Errorf("%d, %s: got %v, %v", sector, name, got, err)
			} else if diff := cmp.Diff(gpt.Table{Disk: diskID, Parts: parts()}, got); c.ok && diff != "" {
				t.Errorf("%d, %s: (-want +got)\n%s", sector, name, diff)
			}
		}
	}
	for _, sector := range []int{-512, 0, 511, 513, 1 << 17} {
		if got, err := read(gpttest.Disk(512, sectors, diskID), sector); err == nil {
			t.Errorf("sector size %d: got %v, want an error", sector, got)
		}
	}
}

// moved puts the second header, which is sound, where the first belongs.
func moved(disk []byte, sector int) []byte {
	copy(disk[sector:2*sector], disk[len(disk)-sector:])
	return disk[:len(disk)-sector]
}

func TestPart(t *testing.T) {
	table, err := read(gpttest.Disk(512, sectors, diskID, parts()...), 512)
	if err != nil || table.MBR() {
		t.Fatal(table, err)
	}
	for n := -1; n < 130; n++ {
		got, ok := table.Part(n)
		want := gpt.Part{}
		for _, p := range parts() {
			if p.Number == n {
				want = p
			}
		}
		if got != want || ok != (want.Number != 0) {
			t.Errorf("partition %d: got %+v, %v, want %+v", n, got, ok, want)
		}
	}
}

// Linux does not see a partition that lies outside its disk, either.
func TestPartsOutsideTheDisk(t *testing.T) {
	bad := []gpt.Part{
		{Number: 1, Type: typeLinux, UUID: uuid(1), First: 40, Last: sectors},
		{Number: 2, Type: typeLinux, UUID: uuid(2), First: 60, Last: 59},
		{Number: 3, Type: typeLinux, UUID: uuid(3), First: 40, Last: 1<<64 - 1},
		{Number: 4, Type: typeLinux, UUID: uuid(4), First: 40, Last: 40},
	}
	got, err := read(gpttest.Disk(512, sectors, diskID, bad...), 512)
	if diff := cmp.Diff(bad[3:], got.Parts); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
}

// A header with right checksums can still ask for all memory or for nonsense.
func TestReadBelievesNoNumber(t *testing.T) {
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
		disk := gpttest.Disk(512, sectors, diskID, parts()...)
		for _, at := range []int{512, len(disk) - 512} {
			header := disk[at : at+512]
			change(header)
			copy(header[16:], "\x00\x00\x00\x00")
			if n := le.Uint32(header[12:]); n <= 512 {
				le.PutUint32(header[16:], crc32.ChecksumIEEE(header[:n]))
			}
		}
		if got, err := read(disk, 512); err == nil {
			t.Errorf("%s: got %v, want an error", name, got)
		}
	}
}

func TestMBR(t *testing.T) {
	disk := make([]byte, 4096)
	if got, err := read(disk, 512); !errors.Is(err, gpt.ErrNoTable) {
		t.Errorf("a disk without a table: got %+v, %v", got, err)
	}
	copy(disk[0x1b8:], "\xef\xbe\xad\xde")
	copy(disk[0x1fe:], "\x55\xaa")
	table, err := read(disk, 512)
	if table.Disk != "deadbeef" || !table.MBR() || err != nil {
		t.Errorf("got %+v, %v, want deadbeef", table, err)
	}
	for n, want := range map[int]string{-1: "", 0: "", 2: "deadbeef-02", 17: "deadbeef-11"} {
		if got, ok := table.Part(n); got.UUID != want || ok != (want != "") {
			t.Errorf("partition %d: got %+v, %v, want %q", n, got, ok, want)
		}
	}
	disk[0x1be] = 0x33 // the code of a boot sector
	if got, err := read(disk, 512); !errors.Is(err, gpt.ErrNoTable) {
		t.Errorf("a file system without a table: got %+v, %v", got, err)
	}
}

// The table that sfdisk writes.
func TestReadAgreesWithSfdisk(t *testing.T) {
	image := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(image, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, 64<<20); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), need.Program(t, "sfdisk"), "-q", image)
	cmd.Stdin = strings.NewReader("label: gpt\nlabel-id: " + diskID + "\n" +
		"size=8M, type=" + typeESP + ", uuid=" + uuid(1) + ", name=\"EFI system\", attrs=\"RequiredPartition\"\n" +
		"size=4M, type=" + typeLinux + ", uuid=" + uuid(2) + ", name=\"røøt\", attrs=\"GUID:63,60\"\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("sfdisk: %v %s", err, out)
	}
	f, err := os.Open(image)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want := gpt.Table{Disk: diskID, Parts: []gpt.Part{
		{Number: 1, Type: typeESP, UUID: uuid(1), Name: "EFI system", First: 2048, Last: 18431, Attributes: 1},
		{Number: 2, Type: typeLinux, UUID: uuid(2), Name: "røøt", First: 18432, Last: 26623, Attributes: 1<<63 | 1<<60},
	}}
	got, err := gpt.Read(f, 64<<20, 512)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
}

// The input is the start of a disk; mend makes the checksums right, which chance
// would never do.
func FuzzRead(f *testing.F) {
	const size = 1 << 20
	f.Add(gpttest.Disk(512, sectors, diskID, parts()...)[:2048], 512, true)
	f.Add(gpttest.Disk(512, sectors, diskID, parts()...)[:2048], 512, false)
	f.Add(gpttest.Disk(4096, sectors, diskID, parts()...)[:12<<10], 4096, true)
	f.Add([]byte{0x1ff: 0xaa, 0x1fe: 0x55}, 512, false)
	f.Fuzz(func(t *testing.T, disk []byte, sector int, mend bool) {
		if mend {
			mendHeader(disk, sector)
		}
		table, err := gpt.Read(bytes.NewReader(disk), size, int64(sector))
		if err != nil && (table.Disk != "" || table.Parts != nil) || err == nil && len(table.Disk) != 36 && !table.MBR() {
			t.Errorf("got %v and %v", table, err)
		}
		for _, p := range table.Parts {
			if len(p.Type) != 36 || len(p.UUID) != 36 || len(p.Name) > 36*3 || p.Number < 1 || p.Last < p.First || p.Last >= size/uint64(sector) {
				t.Errorf("got %+v on a disk of %d bytes", p, size)
			}
		}
	})
}

func mendHeader(disk []byte, sector int) {
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
