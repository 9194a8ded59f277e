package image

// wanted names the modules that a general image needs: the ways to a disk, the
// file systems a root or $BOOT may have, and what EFI variables need. What they
// depend on follows by itself. A name that a kernel lacks is noted, not refused.
func wanted() []string {
	return []string{
		// virtual machines
		"virtio_pci", "virtio_mmio", "virtio_blk", "virtio_scsi",
		// disks; Intel's laptops hide NVMe behind vmd
		"nvme", "vmd", "ahci", "sd_mod",
		// USB storage and the controllers it hangs on
		"xhci_pci", "ehci_pci", "ohci_pci", "uhci_hcd", "usb_storage", "uas",
		// file systems
		"ext4", "xfs", "btrfs", "f2fs", "vfat",
		// reboot into a chosen entry when a state cannot boot
		"efivarfs", "efibc",
	}
}

// wishes names what modules ask for at run time, through a modprobe that is not
// in the image: vfat wants its code page and character set at every mount (the
// kernel's defaults, and what distributions set) and refuses without them.
func wishes() map[string][]string {
	return map[string][]string{
		"vfat": {"nls_cp437", "nls_ascii", "nls_iso8859_1", "nls_utf8"},
	}
}
