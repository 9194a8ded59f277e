package vm

import (
	"fmt"
	"os"
)

// Disk is an image file, raw or qcow2, and the way in which the guest reaches it.
type Disk struct {
	Path string
	Bus  Bus
}

// Bus is a kind of controller. Every disk has one of its own, so that which disks
// there are says which drivers the guest needs.
type Bus string

const (
	VirtioBlk  Bus = "virtio-blk" // empty is the same
	VirtioSCSI Bus = "virtio-scsi"
	NVMe       Bus = "nvme"
	USB        Bus = "usb"  // a stick at xHCI
	AHCI       Bus = "ahci" // cannot be plugged into a running machine
	MMC        Bus = "mmc"  // nor can this; firmware does not boot from it, and its size is a power of two
)

// devices are the values of -device for the machine's disk number i, in the order
// in which they are added; the first sits at place, which is pcie.0 or a slot.
func (d Disk) devices(i int, place string) ([]string, error) {
	controller := func(kind string) string { return fmt.Sprintf("%s,id=bus%d,bus=%s", kind, i, place) }
	// From 1 on: QEMU gives a kernel that it boots directly the index 0.
	drive := fmt.Sprintf("drive=disk%d,bootindex=%d", i, i+1)
	onBus := fmt.Sprintf("bus=bus%d.0,%s", i, drive)
	switch d.Bus {
	case "", VirtioBlk:
		return []string{controller("virtio-blk-pci") + "," + drive}, nil
	case VirtioSCSI:
		return []string{controller("virtio-scsi-pci"), "scsi-hd," + onBus}, nil
	case NVMe:
		return []string{controller("nvme") + fmt.Sprintf(",serial=disk%d,", i) + drive}, nil
	case USB:
		return []string{controller("qemu-xhci"), "usb-storage," + onBus}, nil
	case AHCI:
		return []string{controller("ahci"), "ide-hd," + onBus}, nil
	case MMC: // the device has no index: no firmware would find it
		return []string{controller("sdhci-pci"), fmt.Sprintf("sd-card,bus=%s/bus%d/sd-bus,drive=disk%d", place, i, i)}, nil
	}
	return nil, fmt.Errorf("attach disk %s: no bus is called %q", d.Path, d.Bus)
}

// drive is the value of -drive for the machine's disk number i.
//
// It uses cache=unsafe: a power cut here kills QEMU, not the host, so what QEMU
// handed to the host's page cache survives anyway and the host's fsync would only
// cost time. A qcow2 image still keeps in the process where its new clusters are,
// and unsafe loses that even when the guest has flushed: only with writeback is it
// a disk with a cache.
func (c Config) drive(i int, path string) (string, error) {
	format, err := imageFormat(path)
	if err != nil {
		return "", fmt.Errorf("attach disk: %w", err)
	}
	cache := "unsafe"
	if c.WriteCache {
		cache = "writeback"
	}
	drive := fmt.Sprintf("if=none,id=disk%d,format=%s,cache=%s,discard=unmap,file=%s", i, format, cache, escape(path))
	if c.Snapshot {
		drive += ",snapshot=on"
	}
	return drive, nil
}

// imageFormat never lets QEMU guess: a raw disk whose guest writes a qcow2
// header into its first sector would be read as one the next time.
func imageFormat(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	magic := make([]byte, 4)
	if n, _ := f.Read(magic); n == 4 && string(magic) == "QFI\xfb" {
		return "qcow2", nil
	}
	return "raw", nil
}
