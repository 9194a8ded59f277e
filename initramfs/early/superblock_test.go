package early

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"moss/internal/testutil"
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
	{"f2fs", 64 << 20, "mkfs.f2fs -q -l flash -U " + someUUID},
	{"swap", 8 << 20, "mkswap -L swapspace -U " + someUUID},
	{"swap of large pages", 8 << 20, "mkswap --pagesize 65536 -L swapspace -U " + someUUID},
	{"luks1", 16 << 20, luksFormat + "luks1"},
	{"luks2", 32 << 20, luksFormat + "luks2 --label secret"},
}

const luksFormat = "cryptsetup luksFormat --batch-mode --key-file /proc/version --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --uuid " + someUUID + " --type "

// makeImage runs a mkfs on a file of zeros, or over what it holds already.
func makeImage(t *testing.T, image string, size int64, command string) {
	t.Helper()
	f, err := os.OpenFile(image, os.O_CREATE|os.O_WRONLY, 0o644)
	if err == nil {
		err = errors.Join(f.Truncate(size), f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	argv := append(strings.Fields(command), image)
	testutil.Run(t, argv[0], argv[1:]...)
}

func TestProbeAgreesWithLibblkid(t *testing.T) {
	for _, tt := range made {
		t.Run(tt.name, func(t *testing.T) {
			image := filepath.Join(t.TempDir(), "image")
			makeImage(t, image, tt.size, tt.command)
			want := parseExport(testutil.Run(t, "blkid", "-p", "-o", "export", image))
			got := probeNode(image, tt.size)
			if got.Type != want["TYPE"] || got.UUID != want["UUID"] || got.Label != want["LABEL"] || got.Damaged {
				t.Errorf("got %+v, libblkid says %v", got, want)
			}
		})
	}
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

// over is put on what is there already.
func over(data []byte, values map[int]string) []byte {
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
		"luks2 without its first header": {put(map[int]string{32 << 10: "SKUL\xba\xbe\x00\x02", 32<<10 + 24: "secret", 32<<10 + 168: keyUUID, 32<<10 + 256: "\x00\x00\x00\x00\x00\x00\x80\x00"}),
			superblock{Type: "crypto_LUKS", UUID: keyUUID, Label: "secret", Damaged: true}},
		"a second header elsewhere": {put(map[int]string{32 << 10: "SKUL\xba\xbe\x00\x02", 32<<10 + 256: "\x00\x00\x00\x00\x00\x00\x40\x00"}), superblock{}},
		"lvm": {put(map[int]string{512: "LABELONE", 512 + 20: le(32, 4), 512 + 24: "LVM2 001", 512 + 32: "abcdefGHIJklmnOPQRstuvWXYZ012345"}),
			superblock{Type: "LVM2_member", UUID: "abcdef-GHIJ-klmn-OPQR-stuv-WXYZ-012345"}},
		"md":                    {mdFront(4096), superblock{Type: "linux_raid_member", UUID: someUUID, Label: "host:0"}},
		"md of something else":  {put(map[int]string{4096: mdMember(99 << 20)}), superblock{}},
		"md around what it was": {mdFront(4096, ext4("old")), superblock{Type: "linux_raid_member", UUID: someUUID, Label: "host:0"}},
		"bcache": {put(map[int]string{4096 + 24: "\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81" + rawUUID, 4096 + 72: "cached"}),
			superblock{Type: "bcache", UUID: someUUID, Label: "cached"}},
		"zfs": {put(map[int]string{16 << 10: "\x01\x01\x00\x00" + strings.Repeat("\x00", 7) + "\x01\x00\x00\x00\x24\x00\x00\x00\x20\x00\x00\x00\x07version\x00" +
			"\x00\x00\x00\x08\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x13\x88" +
			"\x00\x00\x00\x24\x00\x00\x00\x20\x00\x00\x00\x04name\x00\x00\x00\x09\x00\x00\x00\x01\x00\x00\x00\x05rpool"}),
			superblock{Type: "zfs_member", Label: "rpool"}},
		"hibernated": {put(map[int]string{4086: "S1SUSPEND\x00", 1036: rawUUID}), superblock{Type: "swsuspend", UUID: someUUID}},
		"ntfs":       {put(map[int]string{3: "NTFS    ", 510: "\x55\xaa"}), superblock{Type: "ntfs"}},
		"f2fs, second copy": {put(map[int]string{5120: le(0xf2f52010, 4), 5120 + 108: rawUUID}),
			superblock{Type: "f2fs", UUID: someUUID, Damaged: true}},
		"squashfs": {put(map[int]string{0: "hsqs"}), superblock{Type: "squashfs"}},
		"btrfs of two": {put(map[int]string{65536 + 64: "_BHRfS_M", 65536 + 0x30: le(65536, 8), 65536 + 0xc4: le(1, 2), 65536 + 32: rawUUID, 65536 + 0x88: le(2, 8), 65536 + 0xc9: le(7, 8)}),
			superblock{Type: "btrfs", UUID: someUUID, Members: 2, Member: 7}},
		"leftovers behind an ext4": {over(member(1, 1), map[int]string{1024 + 0x38: "\x53\xef", 1024 + 0x60: le(0x40, 4), 1024 + 0x68: rawUUID, 5120: le(0xf2f52010, 4), 32<<10 - 10: "SWAPSPACE2"}),
			superblock{Type: "ext4", UUID: someUUID}},
		"btrfs of another place": {put(map[int]string{65536 + 64: "_BHRfS_M", 65536 + 0x30: le(65536+4096, 8)}), superblock{}},
		"journal device":         {put(map[int]string{1024 + 0x38: "\x53\xef", 1024 + 0x60: le(8, 4)}), superblock{}},
		"boot sector":            {put(map[int]string{510: "\x55\xaa"}), superblock{}},
		"zeros":                  {put(nil), superblock{}},
		"nothing":                {nil, superblock{}},
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
