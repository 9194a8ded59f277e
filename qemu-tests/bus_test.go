package qemutests

import (
	"os"
	"strings"
	"testing"

	"moss/qemu-tests/debian"
	"moss/qemu-tests/vm"
	"moss/qemu-tests/world"
)

// TestRestartWithPluggedDisk: a root that came while early boot waited is there from
// the start in the next boot.
func TestRestartWithPluggedDisk(t *testing.T) {
	inTurn(t, short)
	w, err := world.NewWaiting(t.Context(), busConfig(t), bootLimit)
	if err != nil {
		t.Fatal(err)
	}
	m := attach(t, func() (*vm.Machine, error) {
		return w.Start(t.Context(), busName(t), vm.Disk{Path: newDisk(t), Bus: vm.VirtioBlk})
	})
	m.expect("state 2 is up")
	m.onBus()
	m.reboot()
	m.expect("state 2 is up")
	m.onBus()
}

// TestRootOnCard is a root on an SD card, which QEMU plugs into no running machine.
func TestRootOnCard(t *testing.T) {
	inTurn(t, short)
	config, path := busConfig(t), newDisk(t)
	if err := os.Truncate(path, 1<<30); err != nil { // a card has a power of two
		t.Fatal(err)
	}
	config.Slots, config.Disks = 0, []vm.Disk{{Path: path, Bus: vm.MMC}}
	m := attach(t, func() (*vm.Machine, error) { return vm.Start(t.Context(), config) })
	m.expect("state 2 is up")
	m.onBus()
}

func busConfig(t *testing.T) vm.Config {
	return vm.Config{Name: busName(t), LogDir: shared.dir, Accel: shared.accel, Memory: 512, Slots: 1,
		Kernel: shared.kernel.Plain, Initrd: shared.initrds[plainImage],
		Append: strings.Join(debian.CommandLine(), " ") + " rw moss.fstx=2 root=PARTUUID=" + world.RootGUID}
}

func busName(t *testing.T) string { return strings.ReplaceAll(t.Name(), "/", "-") }

func (m *machine) onBus() {
	m.t.Helper()
	m.expect("# ")
	m.report(report{Wanted: 2, Activated: 2})
}

// attach is a machine that ends with its test.
func attach(t *testing.T, start func() (*vm.Machine, error)) *machine {
	t.Helper()
	started, err := start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := started.Close(); err != nil {
			t.Error(err)
		}
	})
	return &machine{t: t, vm: started}
}
