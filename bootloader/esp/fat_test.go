package esp_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"moss/bootloader/esp"
	"moss/internal/testutil/need"
)

// What mkfs.fat makes, marked in each of the ways that say unclean; fsck.fat has
// to be of the same opinion, before and after it repairs.
func TestUncleanAgreesWithFsck(t *testing.T) {
	need.Program(t, "fsck.fat")
	for bits, size := range map[int]int64{12: 2 << 20, 16: 20 << 20, 32: 64 << 20} {
		marks := map[string]func(b []byte) int64{
			"clean":            func([]byte) int64 { return -1 },
			"the first sector": func(b []byte) int64 { return map[bool]int64{true: 0x41, false: 0x25}[bits == 32] },
			"the second entry": func(b []byte) int64 {
				return int64(binary.LittleEndian.Uint16(b[14:]))*512 + map[bool]int64{true: 7, false: 3}[bits == 32]
			},
		}
		for name, mark := range marks {
			t.Run(fmt.Sprintf("FAT%d, %s", bits, name), func(t *testing.T) {
				if bits == 12 && name == "the second entry" {
					return // there is no such mark
				}
				image := sparse(t, size)
				if out, err := exec.CommandContext(t.Context(), "mkfs.fat", "-F", fmt.Sprint(bits), image).CombinedOutput(); err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
				f, err := os.OpenFile(image, os.O_RDWR, 0)
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				front := make([]byte, 4096)
				if _, err := f.ReadAt(front, 0); err != nil {
					t.Fatal(err)
				}
				at := mark(front)
				if at >= 0 {
					one := make([]byte, 1)
					if _, err := f.ReadAt(one, at); err != nil {
						t.Fatal(err)
					}
					if one[0] ^= 1; at >= 512 {
						one[0] ^= 1 ^ map[bool]byte{true: 0x08, false: 0x80}[bits == 32]
					}
					if _, err := f.WriteAt(one, at); err != nil {
						t.Fatal(err)
					}
				}
				gotBits, unclean, ok := esp.Unclean(f)
				if gotBits != bits || unclean != (at >= 0) || !ok {
					t.Errorf("got FAT%d, unclean %v, %v", gotBits, unclean, ok)
				}
				out, _ := exec.CommandContext(t.Context(), "fsck.fat", "-p", image).CombinedOutput()
				if said := strings.Contains(string(out), "Dirty bit"); said != (at >= 0) {
					t.Errorf("fsck.fat disagrees: %s", out)
				}
				if _, unclean, _ := esp.Unclean(f); unclean {
					t.Error("got unclean after the repair")
				}
			})
		}
	}
}

func TestNoFAT(t *testing.T) {
	ext4 := make([]byte, 4096)
	copy(ext4[1024+0x38:], "\x53\xef")
	ntfs := with(with(fat32(), 16, 0), 14, 0)
	for name, front := range map[string][]byte{"ext4": ext4, "NTFS": ntfs, "short": {1, 2, 3}, "empty": nil, "zero sectors a cluster": with(fat32(), 13, 0)} {
		if bits, _, ok := esp.Unclean(bytes.NewReader(front)); ok {
			t.Errorf("%s: got FAT%d", name, bits)
		}
	}
}

func FuzzUnclean(f *testing.F) {
	f.Add(fat32())
	f.Add(make([]byte, 512))
	f.Fuzz(func(t *testing.T, front []byte) {
		if bits, unclean, ok := esp.Unclean(bytes.NewReader(front)); ok && bits != 12 && bits != 16 && bits != 32 || !ok && unclean {
			t.Errorf("got FAT%d, %v, %v", bits, unclean, ok)
		}
	})
}
