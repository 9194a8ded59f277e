package esp_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moss/bootloader/esp"
	"moss/internal/gpt"
	"moss/internal/gpt/gpttest"
	"moss/internal/testutil"
)

const (
	typeESP      = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
	typeXBOOTLDR = "bc13c2ff-59e6-4262-a352-b275fd6f7172"
	typeData     = "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7"
	typeLinux    = "0fc63daf-8483-4772-8e79-3d69d8477de4"
)

// box is a machine that is a folder: what sysfs, /dev and the mount table would
// show of it. Its device nodes are image files.
type box struct {
	t    *testing.T
	top  string
	next int
}

// volume is one partition: its type, the end of its identifier and what its first
// sectors hold.
type volume struct {
	kind, tail string
	front      []byte
}

func newBox(t *testing.T) *box {
	b := &box{t: t, top: t.TempDir(), next: 8}
	testutil.Tree{"sys/firmware/efi/": "", "sys/class/block/": "", "sys/dev/block/": "", "dev/": "", "run/": ""}.Create(t, b.top)
	b.mount("1:1 / ext4 /dev/vda9")
	return b
}

func (b *box) query(root string) esp.Query {
	return esp.Query{Root: root, Sys: b.path("sys"), Dev: b.path("dev"), Proc: b.path("proc"), Run: b.path("run")}
}

func (b *box) path(rel string) string { return filepath.Join(b.top, rel) }

// mount writes the mount table: "major:minor place type source [options]".
func (b *box) mount(lines ...string) {
	b.t.Helper()
	var text strings.Builder
	for i, line := range lines {
		f := append(strings.Fields(line), "rw")
		root, place, bound := strings.Cut(f[1], "=")
		if !bound {
			root, place = "/", f[1]
		}
		fmt.Fprintf(&text, "%d 1 %s %s %s rw - %s %s %s\n", i+2, f[0], root, place, f[2], f[3], f[4])
	}
	testutil.Tree{"proc/self/mountinfo": text.String()}.Create(b.t, b.top)
}

// uuid is the PARTUUID that a volume gets.
func uuid(tail string) string { return "12345678-9abc-4def-8123-4567890000" + tail }

// disk adds a disk with a GPT; the partition n of the i-th disk is 8+i:n.
func (b *box) disk(name string, sector int, volumes ...volume) {
	b.t.Helper()
	image := gptDisk(sector, volumes...)
	b.device(name, image, 0, 0, "")
	for i, v := range volumes {
		b.device(partName(name, i+1), padded(v.front), i+1, startOf(i), name)
	}
	b.write(filepath.Join("sys/devices", name, "queue/logical_block_size"), fmt.Sprintf("%d\n", sector))
	b.next++
}

func partName(disk string, n int) string {
	if c := disk[len(disk)-1]; c >= '0' && c <= '9' {
		return fmt.Sprintf("%sp%d", disk, n)
	}
	return fmt.Sprintf("%s%d", disk, n)
}

// gap makes the partitions small: there are many of them.
const gap = 14

// startOf is where the i-th partition starts, in bytes.
func startOf(i int) int { return (i + 1) << gap }

func padded(front []byte) []byte {
	return append(front[:len(front):len(front)], make([]byte, 8192-len(front)%8192)...)
}

func (b *box) device(name string, image []byte, number, start int, disk string) {
	b.t.Helper()
	dir := filepath.Join("sys/devices", disk, name)
	b.write(filepath.Join(dir, "size"), fmt.Sprintf("%d\n", len(image)/512))
	if number > 0 {
		b.write(filepath.Join(dir, "partition"), fmt.Sprintf("%d\n", number))
		b.write(filepath.Join(dir, "start"), fmt.Sprintf("%d\n", start/512))
	}
	b.write(filepath.Join("dev", strings.ReplaceAll(name, "!", "/")), string(image))
	b.link("sys/class/block/"+name, b.path(dir))
	b.link(fmt.Sprintf("sys/dev/block/%d:%d", b.next, number), b.path(dir))
}

// mapped adds a device that lies on others: dm-crypt, LVM, RAID.
func (b *box) mapped(name string, below ...string) {
	b.t.Helper()
	dir := filepath.Join("sys/devices/virtual", name)
	b.write(filepath.Join(dir, "size"), "2048\n")
	for _, one := range below {
		b.link(filepath.Join(dir, "slaves", one), b.path("sys/class/block/"+one))
	}
	b.link("sys/class/block/"+name, b.path(dir))
	b.link(fmt.Sprintf("sys/dev/block/%d:0", b.next), b.path(dir))
	b.write("dev/"+name, "")
	b.next++
}

func (b *box) write(rel, text string) {
	b.t.Helper()
	testutil.Tree{rel: text}.Create(b.t, b.top)
}

func (b *box) link(rel, target string) {
	b.t.Helper()
	if err := os.MkdirAll(filepath.Dir(b.path(rel)), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.Symlink(target, b.path(rel)); err != nil {
		b.t.Fatal(err)
	}
}

// gptDisk is a disk with a GPT of volumes.
func gptDisk(sector int, volumes ...volume) []byte {
	var parts []gpt.Part
	for i, v := range volumes {
		parts = append(parts, gpt.Part{Number: i + 1, Type: v.kind, UUID: uuid(v.tail), First: uint64(startOf(i) / sector), Last: uint64(startOf(i+1)/sector - 1)})
	}
	return gpttest.Disk(sector, (startOf(len(volumes)+1)+gpttest.Entries)/sector+3, uuid("00"), parts...)
}

// fat32 is the start of a file system as mkfs.fat makes it.
func fat32() []byte {
	b := make([]byte, 2048)
	copy(b, "\xeb\x58\x90mkfs.fat\x00\x02\x01\x02\x00\x02\x00\x00\x00\x00\xf8")
	binary.LittleEndian.PutUint32(b[32:], 131072)
	binary.LittleEndian.PutUint32(b[36:], 1009)
	copy(b[0x1fe:], "\x55\xaa")
	copy(b[1024:], "\xf8\xff\xff\x0f\xff\xff\xff\x0f\xf8\xff\xff\x0f")
	return b
}

func with(b []byte, at int, v byte) []byte {
	b[at] = v
	return b
}
