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
		// cards and soldered flash, of PCI and of ACPI machines
		"sdhci_pci", "sdhci_acpi", "mmc_block",
		// USB storage and the controllers it hangs on. Those of USB 1 come with the
		// keyboards: disks that know nothing faster hold no system.
		"xhci_pci", "ehci_pci", "usb_storage", "uas",
		// file systems
		"ext4", "xfs", "btrfs", "f2fs", "vfat",
		// reboot into a chosen entry when a state cannot boot
		"efivarfs",
	}
}

// watchdogs restart a machine that hangs: Intel's chipsets, what they are in QEMU's
// q35, AMD's, the one that ACPI describes, and QEMU's card. Those of Intel's hang on
// lpc_ich or i2c_i801, which are loaded for nothing else here.
func watchdogs() []string {
	return []string{"iTCO_wdt", "lpc_ich", "i2c_i801", "sp5100_tco", "wdat_wdt", "i6300esb"}
}

// lukshard is what a LUKS root cannot do without.
func lukshard() []string { return []string{"dm_mod", "dm_crypt"} }

// luksModules are the ciphers of LUKS, as dm-crypt asks for them: what cryptsetup
// makes today (aes, xts), and what it made for LUKS1 (cbc, essiv with sha256).
// The kernel takes the fastest of those that serve a name.
func luksModules() []string {
	return []string{"crypto-aes", "crypto-xts", "crypto-ecb", "crypto-cbc", "crypto-essiv", "crypto-sha256"}
}

// keyboards, and the controllers that only they hang on.
func keyboards() []string {
	return []string{"atkbd", "i8042", "usbhid", "hid_generic", "uhci_hcd", "ohci_pci"}
}

// wishes names what modules ask for at run time, through a modprobe that is not
// in the image: vfat wants its code page and character set at every mount (the
// kernel's defaults, and what distributions set) and refuses without them.
func wishes() map[string][]string {
	return map[string][]string{
		"vfat": {"nls_cp437", "nls_ascii", "nls_iso8859_1", "nls_utf8"},
	}
}
