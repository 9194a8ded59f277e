package early

import (
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
)

const someUUID = "12345678-9abc-4def-8123-456789abcdef"

// Every file system is made by its own tools, and libblkid says what is on it.
var made = []struct {
	name    string
	size    int64
	command string
}{
	{"ext2", 8 << 20, "mkfs.ext2 -q -F -L root -U " + someUUID},
	{"ext3", 16 << 20, "mkfs.ext3 -q -F -L old -U " + someUUID},
	{"ext4", 16 << 20, "mkfs.ext4 -q -F -L sixteencharacter -U " + someUUID},
	{"ext4 without label", 16 << 20, "mkfs.ext4 -q -F"},
	{"ext4 without journal", 16 << 20, "mkfs.ext4 -q -F -O ^has_journal"},
	{"xfs", 512 << 20, "mkfs.xfs -q -f -L twelveletter -m uuid=" + someUUID},
	{"btrfs", 160 << 20, "mkfs.btrfs -q -f -L a-longer-label -U " + someUUID},
	{"fat12", 4 << 20, "mkfs.vfat -F 12 -n BOOT -i 1234ABCD"},
	{"fat16", 32 << 20, "mkfs.vfat -F 16 -n ESP -i 1234ABCD"},
	{"fat32", 64 << 20, "mkfs.vfat -F 32 -i 0000ABCD"},
	{"swap", 8 << 20, "mkswap -L swapspace -U " + someUUID},
}

func TestProbeAgreesWithLibblkid(t *testing.T) {
	for _, tt := range made {
		t.Run(tt.name, func(t *testing.T) {
			image := filepath.Join(t.TempDir(), "image")
			if err := os.WriteFile(image, nil, 0o644); err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(image, tt.size); err != nil {
				t.Fatal(err)
			}
			run(t, append(strings.Fields(tt.command), image)...)
			want := parseExport(run(t, "blkid", "-p", "-o", "export", image))
			got := probeNode(image)
			if got.Type != want["TYPE"] || got.UUID != want["UUID"] || got.Label != want["LABEL"] {
				t.Errorf("got %+v, libblkid says %v", got, want)
			}
		})
	}
}

// run runs a tool of the machine; its absence leaves the test out.
func run(t *testing.T, argv ...string) string {
	t.Helper()
	out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		t.Skipf("this machine has no %s", argv[0])
	}
	if err != nil {
		t.Fatalf("%v: %v\n%s", argv, err, out)
	}
	return string(out)
}

func parseExport(text string) map[string]string {
	values := map[string]string{}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		values[key] = strings.ReplaceAll(value, "\\", "")
	}
	return values
}

// put writes values into an empty device front.
func put(values map[int]string) []byte {
	data := make([]byte, probeSize)
	for off, value := range values {
		copy(data[off:], value)
	}
	return data
}

func le(n uint64, size int) string {
	buf := make([]byte, 8)
	binary.LittleEndian.PutUint64(buf, n)
	return string(buf[:size])
}

func wide(text string) string {
	var out []byte
	for _, u := range utf16.Encode([]rune(text)) {
		out = binary.LittleEndian.AppendUint16(out, u)
	}
	return string(out)
}

const (
	rawUUID = "\x12\x34\x56\x78\x9a\xbc\x4d\xef\x81\x23\x45\x67\x89\xab\xcd\xef"
	keyUUID = "0a1b2c3d-0000-4000-8000-00000000000a"
)

// What this machine has no tools for, laid out by hand from the formats'
// descriptions.
func TestProbeByHand(t *testing.T) {
	for name, tt := range map[string]struct {
		data []byte
		want superblock
	}{
		"f2fs": {put(map[int]string{1024: le(0xf2f52010, 4), 1024 + 108: rawUUID, 1024 + 124: wide("flash é")}),
			superblock{Type: "f2fs", UUID: someUUID, Label: "flash é"}},
		"luks1": {put(map[int]string{0: "LUKS\xba\xbe\x00\x01", 168: keyUUID}), superblock{Type: "crypto_LUKS", UUID: keyUUID}},
		"luks2": {put(map[int]string{0: "LUKS\xba\xbe\x00\x02", 24: "secret", 168: keyUUID}),
			superblock{Type: "crypto_LUKS", UUID: keyUUID, Label: "secret"}},
		"lvm":      {put(map[int]string{512: "LABELONE", 512 + 24: "LVM2 001"}), superblock{Type: "LVM2_member"}},
		"md":       {put(map[int]string{4096: le(0xa92b4efc, 4) + le(1, 4), 4112: rawUUID, 4128: "host:0"}), superblock{Type: "linux_raid_member", UUID: someUUID, Label: "host:0"}},
		"squashfs": {put(map[int]string{0: "hsqs"}), superblock{Type: "squashfs"}},
		"btrfs of two": {put(map[int]string{65536 + 64: "_BHRfS_M", 65536 + 32: rawUUID, 65536 + 0x88: le(2, 8), 65536 + 0xc9: le(7, 8)}),
			superblock{Type: "btrfs", UUID: someUUID, Members: 2, Member: 7}},
		"journal device": {put(map[int]string{1024 + 0x38: "\x53\xef", 1024 + 0x60: le(8, 4)}), superblock{}},
		"boot sector":    {put(map[int]string{510: "\x55\xaa"}), superblock{}},
		"zeros":          {put(nil), superblock{}},
		"nothing":        {nil, superblock{}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, probe(tt.data)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// A device that is smaller than the last superblock is still recognised.
func TestProbeOfSmallDevice(t *testing.T) {
	full := put(map[int]string{1024 + 0x38: "\x53\xef", 1024 + 0x68: rawUUID})
	if got := probe(full[:2048]); got.Type != "ext2" || got.UUID != someUUID {
		t.Errorf("got %+v", got)
	}
}

func FuzzProbe(f *testing.F) {
	f.Add(put(map[int]string{1024 + 0x38: "\x53\xef"})[:2048])
	f.Add(put(map[int]string{0: "XFSB", 32: rawUUID})[:512])
	f.Add(put(map[int]string{54: "FAT16   ", 510: "\x55\xaa", 11: "\x00\x02"})[:512])
	f.Add([]byte("LUKS\xba\xbe"))
	f.Fuzz(func(t *testing.T, data []byte) {
		sb := probe(data)
		if sb.Type == "" && sb != (superblock{}) {
			t.Errorf("nothing is known, and yet %+v", sb)
		}
		if len(sb.UUID) > 40 || len(sb.Label) > 2048 {
			t.Errorf("names grew out of bounds: %+v", sb)
		}
	})
}
