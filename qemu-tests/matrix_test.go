package qemutests

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"moss/qemu-tests/debian"
	"moss/qemu-tests/disk"
	"moss/qemu-tests/vm"
	"moss/qemu-tests/world"
)

// TestMatrix boots from every kind of file system on every bus. Those that a
// running machine can get are plugged in while early boot waits; between them the
// root is named in every way that there is.
func TestMatrix(t *testing.T) {
	alongside(t)
	for kind, root := range map[string]struct{ plugged, fixed string }{
		"ext4":  {"root=UUID=" + shared.base.Root.UUID, ""}, // by its type in the partition table
		"xfs":   {"root=LABEL=root", "root=/dev/sda2"},
		"f2fs":  {"root=PARTLABEL=root", "root=/dev/sda2 rootfstype=f2fs"},
		"btrfs": {"rootflags=subvol=" + world.Subvolume + " root=PARTUUID=" + world.RootGUID, "rootflags=subvol=" + world.Subvolume},
	} {
		t.Run(kind, func(t *testing.T) {
			alongside(t)
			w := waits(t, shared.initrds[plainImage], "rw moss.fstx=2 "+root.plugged)
			for _, bus := range []vm.Bus{vm.VirtioBlk, vm.VirtioSCSI, vm.NVMe, vm.USB} {
				t.Run(string(bus), func(t *testing.T) {
					inTurn(t, short)
					b := &broken{t: t, w: w, disk: refitted(t, kind), bus: bus}
					b.start().rootIs(kind)
				})
			}
			t.Run(string(vm.AHCI), func(t *testing.T) {
				inTurn(t, short)
				config := direct(t, "rw moss.fstx=2 "+root.fixed)
				config.Disks = []vm.Disk{{Path: refitted(t, kind), Bus: vm.AHCI}}
				attach(t, func() (*vm.Machine, error) { return vm.Start(t.Context(), config) }).rootIs(kind)
			})
		})
	}
}

func (m *machine) rootIs(kind string) {
	m.t.Helper()
	s := m.look(2)
	if r := s.report; r.Wanted != 2 || r.Activated != 2 || r.Fallback || s.archive != "1 3" {
		m.t.Errorf("got %+v, want state 2, 1 and 3 being archived", s)
	}
	if !strings.Contains(s.mounts, " / "+kind+" rw,") {
		m.t.Errorf("the root is not %s:\n%s", kind, s.mounts)
	}
}

// direct is a machine of which the kernel is started without firmware.
func direct(t *testing.T, words string) vm.Config {
	return vm.Config{Name: busName(t), LogDir: shared.dir, Accel: shared.accel, Memory: 512,
		Kernel: shared.kernel.Plain, Initrd: shared.initrds[plainImage],
		Append: strings.Join(debian.CommandLine(), " ") + " " + words}
}

// The disks of the other file systems, each made when it is needed.
var xfsDisk, f2fsDisk, btrfsDisk = fit("xfs"), fit("f2fs"), fit("btrfs")

func fit(kind string) func() (string, error) {
	return sync.OnceValues(func() (string, error) {
		w, err := world.New(os.Stderr)
		if err != nil {
			return "", err
		}
		path := filepath.Join(shared.dir, kind+".raw")
		return path, w.Refit(context.Background(), shared.base, shared.dir, kind, path)
	})
}

// refitted is a disk with a root of a kind, of which nothing stays.
func refitted(t *testing.T, kind string) string {
	t.Helper()
	if kind == "ext4" {
		return newDisk(t)
	}
	base, err := map[string]func() (string, error){"xfs": xfsDisk, "f2fs": f2fsDisk, "btrfs": btrfsDisk}[kind]()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "disk.qcow2")
	if err := disk.Overlay(t.Context(), base, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestMatrixEqualLabels: two disks answer to one name, and none of them is taken.
func TestMatrixEqualLabels(t *testing.T) {
	inTurn(t, short)
	config := direct(t, "rw moss.fstx=2 root=LABEL=root")
	config.Disks = []vm.Disk{{Path: newDisk(t)}, {Path: refitted(t, "xfs"), Bus: vm.VirtioSCSI}}
	m := attach(t, func() (*vm.Machine, error) { return vm.Start(t.Context(), config) })
	m.expect("root=LABEL=root is the name of two devices:")
	m.expect("/dev/sda2 xfs UUID=")
	m.expect("/dev/vda2 ext4 UUID=")
	m.expect("what tells them apart is root=UUID=")
	m.expect("reboot in ")
}

// TestMatrixDegraded: half of a mirror boots only when that was asked for.
func TestMatrixDegraded(t *testing.T) {
	inTurn(t, short)
	w, err := world.New(os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	halves := []vm.Disk{{Path: filepath.Join(t.TempDir(), "one.raw")}, {Path: filepath.Join(t.TempDir(), "other.raw"), Bus: vm.NVMe}}
	if err := w.Mirror(t.Context(), shared.dir, halves[0].Path, halves[1].Path); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, flags string
		disks       []vm.Disk
	}{
		{"whole", "", halves},
		{"refused", "", halves[1:]},
		{"degraded", ",degraded", halves[1:]},
	} {
		config := direct(t, "rw moss.fstx=2 moss.timeout=3 root=LABEL=mirror rootflags=subvol="+world.Subvolume+tt.flags)
		config.Name, config.Disks, config.Snapshot = config.Name+"-"+tt.name, tt.disks, true
		m := attach(t, func() (*vm.Machine, error) { return vm.Start(t.Context(), config) })
		if tt.name != "refused" {
			m.rootIs("btrfs")
			continue
		}
		m.expect("root=LABEL=mirror is not complete after 3s")
		m.expect("or boot with rootflags=degraded to go on without")
		m.expect("reboot in ")
	}
}
