package kmod

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moss/internal/testutil"
	"moss/internal/testutil/need"
)

// TestWholeKernel holds every closure of Debian's kernel against depmod's lists
// and modprobe.
func TestWholeKernel(t *testing.T) {
	dir := testutil.KernelModules(t)
	x := open(t, dir)
	for name, f := range x.files {
		list, err := x.Closure(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		place := map[string]int{}
		for i, m := range list {
			place[m.Name] = i + 1
			for _, dep := range x.files[m.Name].deps {
				if place[dep] == 0 {
					t.Errorf("%s: %s comes before its dependency %s", name, m.Name, dep)
				}
			}
		}
		for _, dep := range f.deps {
			if place[dep] == 0 || !list[place[dep]-1].Required {
				t.Errorf("%s: %s is not there as required", name, dep)
			}
		}
	}
	t.Run("modprobe", func(t *testing.T) { likeModprobe(t, x, dir) })
}

// likeModprobe wants everything that modprobe would load; more is right where a
// module has several soft dependency lines, of which kmod 30 reads one.
func likeModprobe(t *testing.T, x *Index, dir string) {
	need.Program(t, "modprobe")
	root, config := filepath.Join(dir, "../../.."), t.TempDir()
	for _, name := range []string{"ext4", "xfs", "btrfs", "f2fs", "vfat", "virtio_pci", "virtio_blk",
		"virtio_scsi", "nvme", "ahci", "sd_mod", "usb_storage", "uas", "xhci_pci", "ohci_pci", "i915"} {
		out, err := exec.Command("modprobe", "-C", config, "-d", root, "-S", filepath.Base(dir),
			"--show-depends", name).CombinedOutput()
		if err != nil {
			t.Errorf("modprobe %s: %v: %s", name, err, out)
			continue
		}
		var want []string
		for line := range strings.Lines(string(out)) {
			words := strings.Fields(line)
			if words[0] == "insmod" && !slices.Contains(want, fileName(words[1])) {
				want = append(want, fileName(words[1]))
			}
		}
		list, err := x.Closure(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := slices.DeleteFunc(names(list), func(n string) bool { return !slices.Contains(want, n) })
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want modprobe's %v", name, got, want)
		}
	}
}
