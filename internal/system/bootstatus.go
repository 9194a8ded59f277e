package system

import (
	"moss/bootloader"
	"moss/bootloader/sdboot"
)

// BootStatus is what `moss-boot status` shows. The JSON keys are stable, lists are
// never null, sizes are bytes, and states that are not known are 0. What could not
// be read is left at its zero value, and Unread says so.
type BootStatus struct {
	Firmware   FirmwareStatus `json:"firmware"`
	SecureBoot SecureStatus   `json:"secure_boot"`
	Loader     LoaderStatus   `json:"loader"`
	// ESP is null when none was found, XBOOTLDR also when the ESP is $BOOT.
	ESP      *PlaceStatus `json:"esp"`
	XBOOTLDR *PlaceStatus `json:"xbootldr"`
	Boot     ThisBoot     `json:"boot"`
	// Active is the live state, Booted the one that this machine runs, Default the
	// one that the loader starts by itself, Good the last one that was blessed.
	Active  uint64  `json:"active"`
	Booted  uint64  `json:"booted"`
	Default uint64  `json:"default"`
	OneShot *uint64 `json:"oneshot"`
	Good    uint64  `json:"good"`
	// Next is what the loader starts next time, and why; null without $BOOT.
	Next    *bootloader.Choice `json:"next"`
	Entries []bootloader.Item  `json:"entries"` // as `moss-boot list` has them
	Pinned  []uint64           `json:"pinned"`
	Failed  []FailedState      `json:"failed"`
	Menu    MenuStatus         `json:"menu"`

	Warnings []bootloader.Warning `json:"warnings"` // {code,text,do}, the worst first
	Unread   []string             `json:"unread"`   // a line each, with the reason
}

// FirmwareStatus is what started the machine.
type FirmwareStatus struct {
	Type      string `json:"type"`      // "uefi", "bios", or "unknown" for any root but "/"
	Variables bool   `json:"variables"` // there are EFI variables to read
}

// SecureStatus says whether the next boot passes Secure Boot.
type SecureStatus struct {
	State     string `json:"state"`      // on, off or unknown
	SetupMode string `json:"setup_mode"` // likewise
	Key       string `json:"key"`        // SHA-256 of our certificate, "" without one
	Enrolled  bool   `json:"enrolled"`   // the firmware knows it
	// Signed says it of the loader and of what it starts next: "yes" by our key,
	// "no", or "unknown" without a key. Files are what was looked at, by their
	// paths from the root of their partition.
	Signed string       `json:"signed"`
	Files  []SignedFile `json:"files"`
}

// LoaderStatus is the loader that runs and those that are installed.
type LoaderStatus struct {
	Running   string            `json:"running"`   // LoaderInfo: "systemd-boot 252.39-1~deb12u2"
	Features  []string          `json:"features"`  // what it can do, by name
	Partition string            `json:"partition"` // PARTUUID of where it was started from
	Installed []InstalledLoader `json:"installed"`
	Available string            `json:"available"` // version in /usr, "" without one
	// Entries are the firmware's entries for it.
	Entries []sdboot.OurEntry `json:"entries"`
}

// InstalledLoader is one program on the ESP.
type InstalledLoader struct {
	Path     string `json:"path"`     // from the root of the ESP: "/EFI/BOOT/BOOTX64.EFI"
	Fallback bool   `json:"fallback"` // where firmware looks without an entry
	Kind     string `json:"kind"`     // systemd-boot, foreign or broken
	Machine  string `json:"machine"`
	Version  string `json:"version"`
}

// PlaceStatus is a boot partition, or a folder that stands for one.
type PlaceStatus struct {
	Dir      string `json:"dir"` // "" when it is not mounted
	Device   string `json:"device"`
	PARTUUID string `json:"partuuid"`
	Total    uint64 `json:"total"`
	Free     uint64 `json:"free"`
	ReadOnly bool   `json:"read_only"`
	Dirty    bool   `json:"dirty"` // it was not unmounted cleanly
}

// ThisBoot is how the machine came to run what it runs.
type ThisBoot struct {
	Entry     string `json:"entry"`     // the file, by its name now
	Kernel    string `json:"kernel"`    // the running one
	Wanted    uint64 `json:"wanted"`    // moss.fstx of the kernel's command line
	Activated uint64 `json:"activated"` // by early boot
	Fallback  bool   `json:"fallback"`
	// Step is where the fallback ended: 1 an earlier state at once, 2 an earlier
	// state by a restart into its entry, 3 any state; 0 without one.
	Step   int    `json:"step"`
	Reason string `json:"reason"`
	Failed []Bad  `json:"failed"` // states that early boot passed over
	// EarlyMS is how long early boot took, in milliseconds; 0 is not known.
	EarlyMS int64 `json:"early_ms,omitempty"`
}

// FailedState is a state that is held to be bad, by whoever found it.
type FailedState struct {
	State  uint64 `json:"state"`
	Reason string `json:"reason"`
	Kernel string `json:"kernel"`
	Time   string `json:"time"` // RFC 3339
}

// MenuStatus compares the menu with the states.
type MenuStatus struct {
	Matches *bool    `json:"matches"` // null when that could not be told
	Steps   []string `json:"steps"`   // what a sync would do
	Shrunk  []uint64 `json:"shrunk"`  // states without an entry for want of space
}
