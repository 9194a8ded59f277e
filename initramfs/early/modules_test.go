package early

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moss/internal/testutil"
)

// imageModules is a module folder in which virtio serves a disk and two other
// drivers serve nothing that is there.
func imageModules() testutil.Tree {
	const dir = "usr/lib/modules/6.1/"
	return testutil.Tree{
		dir + "modules.dep":      "ring.ko:\nvirtio.ko: ring.ko\nblk.ko: virtio.ko\nnvme.ko:\next4.ko:\ncrc.ko:\nvfat.ko:\nnls_cp437.ko:\n",
		dir + "modules.alias":    "alias pci:v1af4* virtio\nalias virtio:d2* blk\nalias pci:v144d* nvme\nalias fs-ext4 ext4\nalias crypto-crc32c crc\n",
		dir + "modules.softdep":  "softdep ext4 pre: crypto-crc32c\n",
		"proc/modules":           "ring 16384 0 - Live 0x0\n",
		"proc/filesystems":       "nodev\tproc\n\txfs\n",
		"sys/bus/":               "",
		"sys/bus/pci/devices/0/": "",
	}
}

// loading is a boot that records which modules go to the kernel.
func loading(t *testing.T, line string, tree testutil.Tree) (*Boot, *[]string) {
	t.Helper()
	b := machine(t, line)
	b.kernel = "6.1"
	tree.Create(t, b.Top)
	if err := b.openLoader(); err != nil {
		t.Fatal(err)
	}
	inserted := &[]string{}
	b.loader.Insert = func(path, params string) error {
		*inserted = append(*inserted, strings.TrimSpace(filepath.Base(path)+" "+params))
		return nil
	}
	return b, inserted
}

func TestLoadWhatIsPresentAndNothingElse(t *testing.T) {
	tree := imageModules()
	tree["sys/bus/pci/devices/0/modalias"] = "pci:v1af4d00001001\n"
	tree["sys/bus/pci/devices/1/modalias"] = "pci:v1af4d00001001\n"
	tree["sys/bus/acpi/devices/2/modalias"] = "acpi:LNXSYSTM:\n"
	b, got := loading(t, "virtio.queues=2", tree)
	b.loadPresent()
	if diff := cmp.Diff([]string{"virtio.ko queues=2"}, *got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	// The driver of the bus brings up a device, which asks for its own driver.
	h := &hunt{boot: b, devices: newDevices(b.path("sys"), b.path("dev"))}
	h.take(event{"ACTION": "add", "MODALIAS": "virtio:d2v1af4"})
	h.take(event{"ACTION": "remove", "MODALIAS": "pci:v144d"})
	if diff := cmp.Diff([]string{"virtio.ko queues=2", "blk.ko"}, *got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestBlacklist(t *testing.T) {
	tree := imageModules()
	tree["sys/bus/pci/devices/0/modalias"] = "pci:v144d\n"
	b, got := loading(t, "modprobe.blacklist=other,nvme", tree)
	if b.loadPresent(); len(*got) != 0 {
		t.Errorf("got %v, want nothing loaded", *got)
	}
}

func TestLoadType(t *testing.T) {
	for kind, want := range map[string][]string{
		"ext4": {"crc.ko", "ext4.ko"},
		"xfs":  nil, // the kernel has it
		"vfat": {"vfat.ko", "nls_cp437.ko"},
	} {
		b, got := loading(t, "", imageModules())
		b.root = &blockDevice{Name: "vda"}
		if err := b.loadType(kind); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		if !slices.Equal(*got, want) {
			t.Errorf("%s: got %v, want %v", kind, *got, want)
		}
	}
	b, _ := loading(t, "", imageModules())
	b.root = &blockDevice{Name: "vda"}
	if err := b.loadType("btrfs"); err == nil || !strings.Contains(err.Error(), "this image has no module for btrfs") {
		t.Errorf("got %v", err)
	}
}

// An image of another kernel is the usual reason for a disk that never comes.
func TestImageForAnotherKernel(t *testing.T) {
	b := machine(t, "")
	b.kernel = "7.0"
	imageModules().Create(t, b.Top)
	if err := b.openLoader(); err != nil || b.loader != nil {
		t.Errorf("got %v, %v, want no loader and no error", b.loader, err)
	}
	if got := screen(t, b); !strings.Contains(got, "this image has modules for kernel 6.1 and none for 7.0") {
		t.Errorf("got %q", got)
	}
	b.loadFor("pci:v144d") // must not need a loader
}

// A kernel without modules has no /proc/modules.
func TestKernelWithoutModules(t *testing.T) {
	b := machine(t, "")
	if err := b.openLoader(); err != nil || b.loader != nil {
		t.Errorf("got %v, %v", b.loader, err)
	}
}
