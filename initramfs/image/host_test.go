package image

import (
	"errors"
	"path"
	"slices"
	"strings"
	"testing"

	"moss/internal/testutil"
)

// hostSystem is a system with a kernel of many drivers, and a machine whose root is
// an ext4 in LUKS on a partition of an NVMe disk.
func hostSystem(t *testing.T) Config {
	t.Helper()
	dir := root(t)
	var dep string
	for _, name := range []string{"ext4", "jbd2", "nvme", "ahci", "dm-mod", "dm-crypt", "aesni", "vfat", "efivarfs", "usbhid", "atkbd", "btrfs", "sound"} {
		write(t, dir, modulesDir+"kernel/"+name+".ko", module(name))
		dep += "kernel/" + name + ".ko:\n"
	}
	write(t, dir, modulesDir+"modules.dep", dep)
	write(t, dir, modulesDir+"modules.softdep", "")
	write(t, dir, modulesDir+"modules.alias", "alias pci:v00008086d* nvme\nalias pci:v0000AAAA* sound\nalias crypto-aes aesni\nalias pci:v00001022* ahci\n")
	disk := "sys/devices/pci0/0000:01:00.0/nvme/nvme0/nvme0n1"
	testutil.Tree{
		"usr/lib/moss/moss-unlock":                     "0755:" + string(program(0)),
		"proc/modules":                                 "nvme 1 0 - Live 0x0\natkbd 1 0 - Live 0x0\nsound 1 0 - Live 0x0\n",
		"proc/self/mountinfo":                          "20 1 0:2 / / rw - rootfs none rw\n21 20 253:0 / / rw,relatime shared:1 - ext4 /dev/mapper/root rw\n22 21 8:1 / /mnt rw - btrfs /dev/sda1 rw\n",
		"proc/cmdline":                                 "root=x\n",
		"proc/cpuinfo":                                 "vendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t: 142\nmodel name\t: x\nstepping\t: 10\n\nvendor_id: x\n",
		"sys/firmware/efi/runtime":                     "0x0",
		"sys/dev/block/253:0":                          "-> ../../devices/virtual/block/dm-0",
		"sys/devices/virtual/block/dm-0/dm/uuid":       "CRYPT-LUKS2-0123-root\n",
		"sys/devices/virtual/block/dm-0/slaves/p1":     "-> ../../../../pci0/0000:01:00.0/nvme/nvme0/nvme0n1/nvme0n1p1",
		disk + "/nvme0n1p1/partition":                  "1",
		"sys/devices/pci0/0000:01:00.0/modalias":       "pci:v00008086d00001234sv0\n",
		"sys/devices/pci0/0000:01:00.0/driver":         "-> ../../../bus/pci/drivers/nvme",
		"sys/bus/pci/drivers/nvme/module":              "-> ../../../../module/nvme",
		"sys/devices/pci0/0000:02:00.0/modalias":       "pci:v0000AAAAd00000001sv0\n",
		"usr/lib/firmware/intel-ucode/06-8e-0a":        "\x01\x00\x00\x00own",
		"usr/lib/firmware/intel-ucode/06-8e-0b":        "\x01\x00\x00\x00other",
		"usr/lib/firmware/intel-ucode/README":          "read me",
		"usr/lib/firmware/amd-ucode/microcode_amd.bin": "DMA\x00amd",
	}.Create(t, dir)
	return Config{Root: dir, Host: dir, Mode: ModeHost, Compress: "none"}
}

func TestHostTakesTheWayToTheRootAlone(t *testing.T) {
	cfg := hostSystem(t)
	image, report := build(t, cfg)
	want := []string{"aesni", "atkbd", "dm_crypt", "dm_mod", "efivarfs", "ext4", "nvme", "vfat"}
	if !slices.Equal(report.Modules, want) || !report.LUKS {
		t.Errorf("got %v, LUKS %v, want %v", report.Modules, report.LUKS, want)
	}
	entries, err := List(strings.NewReader(string(image)))
	if err != nil || entries[4].Name != "kernel/x86/microcode/GenuineIntel.bin" || entries[4].Size != 7 {
		t.Errorf("got %v, %v, want this processor's microcode in front", entries, err)
	}
	cfg.LUKS, cfg.Omit = No, []string{"efivarfs"}
	if _, report = build(t, cfg); slices.Contains(report.Modules, "dm_crypt") || slices.Contains(report.Modules, "efivarfs") {
		t.Errorf("got %v, want neither LUKS nor what is omitted", report.Modules)
	}
}

func TestHostNeedsAMachine(t *testing.T) {
	cfg := hostSystem(t)
	cfg.Host = ""
	_, _, err := Sum(cfg)
	if _, ok := errors.AsType[*HostError](err); !ok || !strings.Contains(err.Error(), "not the root of the running system") {
		t.Errorf("got %v, want a HostError", err)
	}
	cfg.Host = t.TempDir()
	if _, _, err := Sum(cfg); err == nil || !strings.Contains(err.Error(), "mountinfo") {
		t.Errorf("got %v, want what is missing", err)
	}
	testutil.Tree{"proc/self/mountinfo": "1 0 0:30 / / rw - overlay overlay rw\n", "sys/dev/block/": "", "sys/class/block/": ""}.Create(t, cfg.Host)
	if _, _, err := Sum(cfg); err == nil || !strings.Contains(err.Error(), "its root is overlay, which is on no disk here") {
		t.Errorf("got %v, want that a container has no disk", err)
	}
}

func TestHostBtrfsOnTwoDisks(t *testing.T) {
	cfg := hostSystem(t)
	testutil.Tree{
		"proc/self/mountinfo":           "21 1 0:31 / / rw - btrfs /dev/vda rw\n",
		"sys/fs/btrfs/x/devices/vda":    "-> ../../../../class/block/vda",
		"sys/fs/btrfs/x/devices/sdb":    "-> ../../../../class/block/sdb",
		"sys/class/block/vda":           "-> ../../devices/pci0/v/vda",
		"sys/class/block/sdb":           "-> ../../devices/pci0/s/sdb",
		"sys/devices/pci0/v/vda/size":   "1",
		"sys/devices/pci0/s/sdb/size":   "1",
		"sys/devices/pci0/v/modalias":   "pci:v00008086d00000001\n",
		"sys/devices/pci0/s/modalias":   "pci:v00001022d00000001\n",
		"sys/fs/btrfs/other/devices/xx": "-> ../../../../class/block/none",
	}.Create(t, cfg.Host)
	_, report, err := Sum(cfg)
	if want := []string{"ahci", "btrfs", "efivarfs", "nvme", "vfat"}; err != nil || !slices.Equal(report.Modules, want) {
		t.Errorf("got %v, %v, want %v", report.Modules, err, want)
	}
}

func TestListModeTakesNothingElse(t *testing.T) {
	cfg := hostSystem(t)
	cfg.Mode, cfg.Modules = ModeList, []string{"ext4", "virtio_blk"}
	_, report, err := Sum(cfg)
	if err != nil || !slices.Equal(report.Modules, []string{"ext4"}) || report.LUKS {
		t.Errorf("got %v, LUKS %v, %v, want ext4 alone", report.Modules, report.LUKS, err)
	}
	cfg.Modules = []string{"ext4", "dm-crypt"}
	if _, report, err = Sum(cfg); err != nil || !report.LUKS {
		t.Errorf("got %v, %v, want the program that opens LUKS beside dm_crypt", report.LUKS, err)
	}
	cfg.Modules, cfg.LUKS = []string{"ext4"}, Yes
	testutil.Tree{"usr/lib/moss/moss-unlock": "0755:" + string(program(0))}.Create(t, t.TempDir())
	cfg.Usr = path.Join(root(t), "usr")
	if _, _, err := Sum(cfg); err == nil || !strings.Contains(err.Error(), "install moss-unlock, or write luks: no") {
		t.Errorf("got %v, want that the program is missing", err)
	}
	cfg.Mode = "tiny"
	if _, _, err := Sum(cfg); err == nil || !strings.Contains(err.Error(), "use generic, host or list") {
		t.Errorf("got %v, want the modes", err)
	}
}
