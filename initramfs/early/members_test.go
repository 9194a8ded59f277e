package early

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moss/internal/testutil"
)

// mdMember is the superblock of md, version 1, for a place on its device.
func mdMember(place int64) string {
	block := make([]byte, 256)
	copy(block, le(mdMagic, 4)+le(1, 4))
	copy(block[16:], rawUUID+"host:0")
	copy(block[144:], le(uint64(place)/512, 8))
	return string(block)
}

func mdFront(place int, over ...[]byte) []byte {
	data := put(nil)
	for _, old := range over {
		copy(data, old)
	}
	copy(data[place:], mdMember(int64(place)))
	return data
}

func writeAt(t *testing.T, image, text string, at int64) {
	t.Helper()
	f, err := os.OpenFile(image, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte(text), at); err != nil {
		t.Fatal(err)
	}
}

// Half of a mirror looks like the file system on it, but for its end.
func TestHalfOfAMirrorIsNoFileSystem(t *testing.T) {
	const size = 16<<20 + 3<<10
	for name, end := range map[string]struct {
		text string
		at   int64
		want string
	}{
		"version 1.0":         {mdMember((size - 8192) &^ 4095), (size - 8192) &^ 4095, "linux_raid_member"},
		"version 0.90":        {le(mdMagic, 4) + le(0, 4), size&^65535 - 65536, "linux_raid_member"},
		"of the disk, not it": {mdMember(99 << 20), (size - 8192) &^ 4095, "ext4"},
		"nothing":             {"", size - 8192, "ext4"},
	} {
		image := filepath.Join(t.TempDir(), "image")
		makeImage(t, image, size, "mkfs.ext4 -q -F -L root")
		writeAt(t, image, end.text, end.at)
		if got := probeNode(image, size); got.Type != end.want {
			t.Errorf("%s: got %+v, want %s", name, got, end.want)
		}
	}
	small := filepath.Join(t.TempDir(), "small")
	testutil.Tree{"small": string(ext4("root"))[:4096]}.Create(t, filepath.Dir(small))
	if got := probeNode(small, 4096); got.Type != "ext4" {
		t.Errorf("a device of one page: got %+v", got)
	}
}

// The name of a damaged superblock still finds it, and says what it is.
func TestDamagedSuperblocks(t *testing.T) {
	for _, tt := range made {
		at, ok := map[string]int64{"ext4": 1024 + 0x200, "xfs": 200, "btrfs": 65536 + 0x300}[tt.name]
		if !ok {
			continue
		}
		image := filepath.Join(t.TempDir(), "image")
		makeImage(t, image, tt.size, tt.command)
		writeAt(t, image, "scratched", at)
		got := probeNode(image, tt.size)
		if got.Type != tt.name || got.UUID != someUUID || !got.Damaged {
			t.Errorf("%s: got %+v, want it damaged", tt.name, got)
		}
		if text := (blockDevice{Name: "vda", Holds: got}).String(); !strings.Contains(text, "damaged superblock") {
			t.Errorf("%s: got %q", tt.name, text)
		}
	}
}

// Nor is a partition on half of a mirror of whole disks, which the kernel shows as
// if it were the mirror's.
func TestPartitionOnHalfOfAMirror(t *testing.T) {
	const size = 1 << 20
	for name, end := range map[string]struct {
		text string
		at   int64
		want string
	}{
		"version 1.0":         {mdMember(size - 8192), size - 8192, "(md)"},
		"Intel":               {"Intel Raid ISM Cfg Sig. 1.2.02", size - 1024, "(Intel)"},
		"DDF":                 {"\xde\x11\xde\x11", size - 512, "(DDF)"},
		"of another size":     {mdMember(99 << 20), size - 8192, ""},
		"nothing":             {"", size - 8192, ""},
		"of a last partition": {le(mdMagic, 4) + le(0, 4), size - 65536, ""},
	} {
		b := machine(t, "root=LABEL=root")
		plug(t, b.Top, "vda", ext4("root"), "system")
		if err := os.Truncate(b.path("dev/vda"), size); err != nil {
			t.Fatal(err)
		}
		writeAt(t, b.path("dev/vda"), end.text, end.at)
		err := b.findWithin(tick)
		if (err == nil) != (end.want == "") || err != nil && (!strings.Contains(err.Error(), "on /dev/vda, which is") || !strings.Contains(err.Error(), end.want)) {
			t.Errorf("%s: got %v, want %q", name, err, end.want)
		}
	}
}

// Of two that were made one over the other the newer counts, whatever its mkfs
// leaves of the older: every kind after every other, on one device.
func TestTheNewerOfTwoCounts(t *testing.T) {
	if testing.Short() {
		t.Skip("left out of a short run: some forty mkfs")
	}
	const size = 320 << 20
	kinds := []string{"ext4", "xfs", "btrfs", "vfat", "f2fs", "swap", "crypto_LUKS"} // a prime number of them
	commands := map[string]string{
		"ext4": "mkfs.ext4 -q -F", "xfs": "mkfs.xfs -q -f", "btrfs": "mkfs.btrfs -q -f", "vfat": "mkfs.vfat -F 32",
		"f2fs": "mkfs.f2fs -q -f", "swap": "mkswap -q -f", "crypto_LUKS": luksFormat + "luks2",
	}
	image, at := filepath.Join(t.TempDir(), "image"), 0
	for stride := 1; stride < len(kinds); stride++ {
		for range kinds {
			older := kinds[at]
			at = (at + stride) % len(kinds)
			makeImage(t, image, size, commands[kinds[at]])
			if got := probeNode(image, size); got.Type != kinds[at] || got.Damaged {
				t.Errorf("%s over %s: got %+v", kinds[at], older, got)
			}
		}
	}
}
