package qemutests

import (
	"path/filepath"
	"sync"
	"testing"

	"moss/qemu-tests/disk"
	"moss/qemu-tests/vm"
	"moss/qemu-tests/world"
)

// TestMatrixLUKS is the matrix for a root in a LUKS2 container, which needs the same
// of every bus: that its disk is found when it comes.
func TestMatrixLUKS(t *testing.T) {
	alongside(t)
	config := waiting(t, "rw moss.fstx=2 root=UUID="+secondBox)
	w := sync.OnceValues(func() (*world.Waiting, error) {
		l, err := boxes()
		if err != nil {
			return nil, err
		}
		config.Initrd = l.initrd
		return world.NewWaiting(t.Context(), config, bootLimit)
	})
	for _, bus := range []vm.Bus{vm.VirtioSCSI, vm.NVMe, vm.USB} {
		t.Run(string(bus), func(t *testing.T) {
			inTurn(t, short)
			l, err := boxes()
			if err != nil {
				t.Fatal(err)
			}
			b := &broken{t: t, w: w, disk: filepath.Join(t.TempDir(), "disk.qcow2"), bus: bus}
			if err := disk.Overlay(t.Context(), l.second.Path, b.disk); err != nil {
				t.Fatal(err)
			}
			m := b.start()
			m.expect("Passphrase for LUKS device")
			m.answer(l.second.Passphrase)
			m.rootIs("ext4")
		})
	}
}
