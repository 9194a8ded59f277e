package esp_test

import (
	"strings"
	"testing"

	"moss/bootloader/esp"
)

// Whatever lies between the root file system and its disk, the ESP of that disk
// is meant, and never the one of the stick.
func TestRootDisk(t *testing.T) {
	for name, layers := range map[string]func(b *box){
		"a partition": func(b *box) { b.mount("8:2 / ext4 /dev/root") },
		"LUKS": func(b *box) {
			b.mapped("dm-0", "vda2")
			b.mount("10:0 / ext4 /dev/mapper/root")
		},
		"LVM on LUKS": func(b *box) {
			b.mapped("dm-0", "vda2")
			b.mapped("dm-1", "dm-0")
			b.mount("11:0 / xfs /dev/mapper/vg-root")
		},
		"RAID of two disks of which one has an ESP": func(b *box) {
			b.disk("vdc", 512, volume{typeLinux, "05", nil})
			b.mapped("md127", "vda2", "vdc1")
			b.mount("11:0 / ext4 /dev/md127")
		},
		"btrfs": func(b *box) { b.mount("0:31 / btrfs /dev/vda2") },
		"btrfs on LUKS": func(b *box) {
			b.mapped("dm-0", "vda2")
			b.link("dev/mapper/luks-1", "../dm-0")
			b.mount("0:31 / btrfs /dev/mapper/luks-1")
		},
		"btrfs of two disks": func(b *box) {
			b.disk("vdc", 512, volume{typeLinux, "05", nil})
			for _, part := range []string{"vda2", "vdc1"} {
				b.link("sys/fs/btrfs/0001/devices/"+part, b.path("sys/class/block/"+part))
			}
			b.mount("0:31 / btrfs /dev/vdc1")
		},
		"a subvolume": func(b *box) { b.mount("0:31 /@=/ btrfs /dev/vda2") },
	} {
		b := newBox(t)
		b.disk("vda", 512, volume{typeESP, "01", fat32()}, volume{typeLinux, "02", nil})
		b.disk("vdb", 512, volume{typeESP, "03", fat32()})
		layers(b)
		if _, err := esp.Open(b.query("/").Quietly()); err == nil || !strings.Contains(err.Error(), "dev/vda1 is not mounted") {
			t.Errorf("%s: got %v, want /dev/vda1", name, err)
		}
	}
}

func TestRootDiskWithSlashInItsName(t *testing.T) {
	b := newBox(t)
	b.disk("cciss!c0d0", 512, volume{typeESP, "01", fat32()}, volume{typeLinux, "02", nil})
	b.mount("0:31 / btrfs /dev/cciss/c0d0p2")
	if _, err := esp.Open(b.query("/").Quietly()); err == nil || !strings.Contains(err.Error(), "dev/cciss/c0d0p1 is not mounted") {
		t.Errorf("got %v", err)
	}
}

// A ring of devices cannot be, but must not hang a program that runs as root.
func TestRootDiskInARing(t *testing.T) {
	b := newBox(t)
	b.mapped("dm-0", "dm-1")
	b.mapped("dm-1", "dm-0")
	b.mount("8:0 / ext4 /dev/dm-0")
	if got, err := esp.Open(b.query("/")); err == nil {
		t.Errorf("got %+v", got)
	}
}
