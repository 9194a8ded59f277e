package vm

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestDevicesOfBuses(t *testing.T) {
	for bus, want := range map[Bus][]string{
		"":         {"virtio-blk-pci,id=bus2,bus=pcie.0,drive=disk2,bootindex=3"},
		VirtioBlk:  {"virtio-blk-pci,id=bus2,bus=pcie.0,drive=disk2,bootindex=3"},
		VirtioSCSI: {"virtio-scsi-pci,id=bus2,bus=pcie.0", "scsi-hd,bus=bus2.0,drive=disk2,bootindex=3"},
		NVMe:       {"nvme,id=bus2,bus=pcie.0,serial=disk2,drive=disk2,bootindex=3"},
		USB:        {"qemu-xhci,id=bus2,bus=pcie.0", "usb-storage,bus=bus2.0,drive=disk2,bootindex=3"},
		AHCI:       {"ahci,id=bus2,bus=pcie.0", "ide-hd,bus=bus2.0,drive=disk2,bootindex=3"},
		MMC:        {"sdhci-pci,id=bus2,bus=pcie.0", "sd-card,bus=pcie.0/bus2/sd-bus,drive=disk2"},
	} {
		if got, err := (Disk{Path: "x", Bus: bus}).devices(2, "pcie.0"); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: got %q, %v, want %q", bus, got, err, want)
		}
	}
	if _, err := (Disk{Path: "x", Bus: "floppy"}).devices(0, "pcie.0"); err == nil || !strings.Contains(err.Error(), "floppy") {
		t.Errorf("got %v, want an error that names the bus", err)
	}
}

func TestEveryBusStarts(t *testing.T) {
	var disks []Disk
	for _, bus := range []Bus{VirtioBlk, VirtioSCSI, NVMe, USB, AHCI, MMC} {
		disks = append(disks, Disk{guestDisk(t), bus})
	}
	m := start(t, Config{Disks: disks})
	must(t, m.Expect("ready> ", limit))
}

func TestPlug(t *testing.T) {
	m := start(t, Config{Disks: []Disk{{Path: guestDisk(t)}}, Slots: 4})
	must(t, m.Expect("ready> ", limit))
	for _, bus := range []Bus{AHCI, MMC} {
		if err := m.Plug(Disk{guestDisk(t), bus}); err == nil || !strings.Contains(err.Error(), string(bus)) {
			t.Errorf("%s: got %v, want an error that names it", bus, err)
		}
	}
	for _, bus := range []Bus{VirtioBlk, VirtioSCSI, NVMe, USB} {
		must(t, m.Plug(Disk{guestDisk(t), bus}))
	}
	if err := m.Plug(Disk{Path: guestDisk(t)}); err == nil || !strings.Contains(err.Error(), "4 slots") {
		t.Errorf("got %v, want an error that says how many slots there are", err)
	}
	must(t, m.Reset())
	must(t, m.Expect("boot 2", limit))
}

func TestThaw(t *testing.T) {
	config := Config{Disks: []Disk{{Path: guestDisk(t)}}, Slots: 1}
	m := start(t, config)
	must(t, m.Expect("ready> ", limit))
	config.Thaw = filepath.Join(t.TempDir(), "it's, a state")
	must(t, m.Freeze(config.Thaw, limit))
	for range 2 {
		config.Disks = []Disk{{Path: guestDisk(t)}}
		m := start(t, config)
		must(t, m.Plug(Disk{Path: guestDisk(t)}))
		must(t, m.Send("hello"))
		must(t, m.Expect("hello", limit))
		if text := m.Text(); strings.Contains(text, "boot") {
			t.Errorf("got %q, want no boot", text)
		}
	}
}

func TestThawOfNothing(t *testing.T) {
	needQEMU(t)
	empty := filepath.Join(t.TempDir(), "empty")
	must(t, os.WriteFile(empty, nil, 0o600))
	m, err := Start(t.Context(), Config{Name: "guest", LogDir: t.TempDir(), Accel: emulation, Memory: 32, Disks: []Disk{{Path: guestDisk(t)}}, Thaw: empty})
	if err == nil {
		must(t, m.Close())
		t.Error("got nil, want an error")
	}
}
