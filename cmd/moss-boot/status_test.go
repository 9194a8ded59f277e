package main

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"moss/bootloader"
	"moss/bootloader/sdboot"
	"moss/internal/system"
	"moss/internal/ui"
)

func shown(t *testing.T, st system.BootStatus) string {
	t.Helper()
	var out bytes.Buffer
	if err := showBoot(ui.Settings{Out: ui.Screen{Writer: &out}}, st); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if n := utf8.RuneCountInString(strings.TrimSpace(line)); n > screenWidth && !strings.HasPrefix(line, "  do: ") {
			t.Errorf("got a line of %d characters: %s", n, line)
		}
		if strings.HasSuffix(line, " \n") || strings.ContainsRune(line, '\x1b') {
			t.Errorf("got the line %q", line)
		}
	}
	return out.String()
}

func troubled() system.BootStatus {
	no, left := false, uint(2)
	st := system.BootStatus{
		Firmware:   system.FirmwareStatus{Type: "uefi", Variables: true},
		SecureBoot: system.SecureStatus{State: "off", SetupMode: "on", Key: "ab", Signed: "no"},
		Loader: system.LoaderStatus{Running: "systemd-boot 252.39-1~deb12u2", Available: "257.1", Installed: []system.InstalledLoader{
			{Path: "/EFI/systemd/systemd-bootx64.efi", Kind: "systemd-boot", Version: "252.39-1~deb12u2"}, {Path: "/EFI/BOOT/BOOTX64.EFI", Kind: "foreign"}},
			Entries: []sdboot.OurEntry{{Name: "Boot0001", Description: "moss: Debian", First: true, Active: true}}},
		ESP:      &system.PlaceStatus{Dir: "/efi", Device: "/dev/vda1", PARTUUID: "5d1c1bd4-7b0b-4b4f-9b3c-0d6f3a3e0a01", Total: 1 << 29, Free: 1 << 28},
		XBOOTLDR: &system.PlaceStatus{Device: "/dev/vda2", Total: 1 << 30, Free: 1 << 20, Dirty: true},
		Boot:     system.ThisBoot{Kernel: "6.1.0-56-amd64", Entry: "moss-0123456789ab-2-6.1.0-56-amd64_.conf", Wanted: 3, Activated: 2, Fallback: true, Step: 2, EarlyMS: 1230},
		Active:   2, Booted: 2, Default: 3, Good: 2, Pinned: []uint64{1},
		Next:    &bootloader.Choice{State: 3, Text: "state 3 (moss-0123456789ab-3-6.1.0-56-amd64_+2-1.conf): the first in the order of the menu"},
		Entries: []bootloader.Item{{State: 3, TriesLeft: &left}, {State: 2}, {State: 1, Bad: true}, {Foreign: true}},
		Failed:  []system.FailedState{{State: 3, Reason: "no \x1b[2Jinit", Time: "2026-11-22T04:00:00Z", Kernel: "6.1.0"}},
		Menu:    system.MenuStatus{Matches: &no, Steps: []string{"a", "b"}},
		Unread:  []string{"the loader: permission denied"},
	}
	st.Warnings = []bootloader.Warning{{Code: "dirty", Text: "/dev/vda2 was not unmounted cleanly and may be damaged, and this goes on for longer than a line", Do: "fsck.fat -p /dev/vda2 " + strings.Repeat("x", 80)}}
	return st
}

func TestStatusText(t *testing.T) {
	want := `firmware     UEFI
secure boot  off, setup mode; our key is not enrolled; it did not sign all that
             starts next
loader       systemd-boot 252.39-1~deb12u2 started this boot;
             /EFI/systemd/systemd-bootx64.efi is systemd-boot 252.39-1~deb12u2;
             /EFI/BOOT/BOOTX64.EFI is foreign; /usr has 257.1
             Boot0001 "moss: Debian", the firmware's first
ESP          /efi /dev/vda1, 256.0 MiB free of 512.0 MiB, PARTUUID
             5d1c1bd4-7b0b-4b4f-9b3c-0d6f3a3e0a01
XBOOTLDR     not mounted /dev/vda2, 1.0 MiB free of 1.0 GiB, not unmounted
             cleanly
running      state 2, kernel 6.1.0-56-amd64, entry
             moss-0123456789ab-2-6.1.0-56-amd64_.conf; wanted was state 3, the
             machine restarted into an earlier one's entry; early boot 1.23 s
next         state 3 (moss-0123456789ab-3-6.1.0-56-amd64_+2-1.conf): the first
             in the order of the menu
menu         3 of ours (1 without tries), 1 of other systems; it does not match
             the states: a sync would make 2 changes
             live 2, default 3, last good 2, pinned 1, tries left for state 3: 2
failed       state 3: no ?[2Jinit, recorded 2026-11-22T04:00:00Z under kernel
             6.1.0
not read     the loader: permission denied
warning: /dev/vda2 was not unmounted cleanly and may be damaged, and this goes
  on for longer than a line
  do: fsck.fat -p /dev/vda2 ` + strings.Repeat("x", 80) + "\n"
	if diff := cmp.Diff(want, shown(t, troubled())); diff != "" {
		t.Error(diff)
	}
}

// TestStatusTextOfLittle: what is not known leaves no empty line and no lie.
func TestStatusTextOfLittle(t *testing.T) {
	got := shown(t, system.BootStatus{SecureBoot: system.SecureStatus{State: "unknown"}, Warnings: []bootloader.Warning{{Code: "no-boot", Text: "it cannot be read", Do: "sudo moss-boot status"}}})
	want := `firmware     not known: this root is not the running system; no EFI variables
next         not known
warning: it cannot be read
  do: sudo moss-boot status
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
