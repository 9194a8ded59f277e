package early

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// gpt lays out a disk of sectors by the UEFI specification: protective MBR, a
// header at the front and one at the end, one entry array.
func gpt(sector int, labels ...string) []byte {
	disk := make([]byte, 200*sector)
	copy(disk[0x1be+4:], "\xee")
	copy(disk[0x1fe:], "\x55\xaa")
	for i, label := range labels {
		entry := disk[2*sector+i*128:]
		copy(entry, "any type but zero")
		copy(entry[16:], "\x78\x56\x34\x12\xbc\x9a\xef\x4d\x81\x23\x45\x67\x89\xab\xcd")
		entry[31] = byte(i + 1)
		copy(entry[56:128], wide(label))
	}
	for _, at := range []int{sector, len(disk) - sector} {
		header := disk[at:]
		copy(header, "EFI PART\x00\x00\x01\x00\x5c\x00\x00\x00")
		binary.LittleEndian.PutUint64(header[72:], 2)
		binary.LittleEndian.PutUint32(header[80:], 128)
		binary.LittleEndian.PutUint32(header[84:], 128)
		binary.LittleEndian.PutUint32(header[16:], crc32.ChecksumIEEE(header[:92]))
	}
	return disk
}

func look(disk []byte, sector, n int) (partition, error) {
	return readPartition(bytes.NewReader(disk), int64(len(disk)), int64(sector), n)
}

func TestReadPartition(t *testing.T) {
	for _, sector := range []int{512, 4096} {
		disk := gpt(sector, "esp", "røøt", "")
		for n, label := range []string{"esp", "røøt", ""} {
			want := partition{UUID: fmt.Sprintf("12345678-9abc-4def-8123-456789abcd%02x", n+1), Label: label}
			if got, err := look(disk, sector, n+1); got != want || err != nil {
				t.Errorf("sector %d: got %+v, %v, want %+v", sector, got, err, want)
			}
		}
		for _, n := range []int{-1, 0, 4, 129} {
			if got, err := look(disk, sector, n); err == nil {
				t.Errorf("partition %d: got %+v, want an error", n, got)
			}
		}
		disk[sector+20] ^= 1
		if _, err := look(disk, sector, 1); err != nil {
			t.Errorf("got %v, want the second header to serve", err)
		}
		disk[len(disk)-sector+20] ^= 1
		if got, err := look(disk, sector, 1); err == nil {
			t.Errorf("got %+v with both headers damaged", got)
		}
	}
}

func TestReadPartitionOfMBR(t *testing.T) {
	disk := make([]byte, 4096)
	if _, err := look(disk, 512, 1); err == nil {
		t.Error("a disk without a table has no partition")
	}
	copy(disk[0x1b8:], "\xef\xbe\xad\xde")
	copy(disk[0x1fe:], "\x55\xaa")
	if got, err := look(disk, 512, 2); got.UUID != "deadbeef-02" || err != nil {
		t.Errorf("got %+v, %v, want deadbeef-02", got, err)
	}
}

// The table that sfdisk writes, read back and by libblkid.
func TestReadPartitionAgreesWithSfdisk(t *testing.T) {
	image := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(image, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, 64<<20); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sfdisk", "-q", image)
	cmd.Stdin = strings.NewReader("label: gpt\nsize=8M, name=\"EFI system\"\nsize=8M, name=root, uuid=" + someUUID + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("this machine has no sfdisk: %v %s", err, out)
	}
	f, err := os.Open(image)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := readPartition(f, 64<<20, 512, 2)
	if want := (partition{UUID: someUUID, Label: "root"}); got != want || err != nil {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if got, err := readPartition(f, 64<<20, 512, 1); got.Label != "EFI system" || err != nil {
		t.Errorf("got %+v, %v", got, err)
	}
}

func FuzzReadPartition(f *testing.F) {
	f.Add(gpt(512, "root")[:2048], 512, 1)
	f.Add([]byte{0x1ff: 0xaa, 0x1fe: 0x55}, 512, 2)
	f.Fuzz(func(t *testing.T, disk []byte, sector, n int) {
		p, err := look(disk, sector, n)
		if err != nil && p != (partition{}) || len(p.Label) > 36*3 || len(p.UUID) > 36 {
			t.Errorf("got %+v, %v", p, err)
		}
	})
}
