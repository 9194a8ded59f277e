package qemutests

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moss/qemu-tests/vm"
	"moss/qemu-tests/world"
)

// hangs is an init that is systemd by its name and never does anything.
const hangs = `#!/usr/bin/dash
cd /sys/class/watchdog/watchdog0
echo "mini: state $(cat /usr/.stateID) hangs; $(cat identity) is $(cat state), $(cat timeout) s"
read -r nothing
`

func withWatchdog(t *testing.T, card bool, disk, words string) *machine {
	t.Helper()
	started, err := vm.Start(t.Context(), vm.Config{Name: strings.ReplaceAll(t.Name(), "/", "-"), LogDir: shared.dir, Accel: shared.accel, Memory: 512,
		Disks: []vm.Disk{{Path: disk}}, Watchdog: card, Kernel: shared.kernel.Plain, Initrd: shared.initrds[plainImage],
		Append: "console=ttyS0 quiet rw root=PARTUUID=" + world.RootGUID + " moss.fstx=2 " + words})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := started.Close(); err != nil {
			t.Error(err)
		}
	})
	return &machine{t, started, disk}
}

// TestStateThatHangsIsReset: nobody is left to restart the machine but the card.
func TestStateThatHangsIsReset(t *testing.T) {
	inTurn(t, short)
	m := withWatchdog(t, true, hanging(t), "init=/usr/sbin/systemd moss.watchdog=20")
	// QEMU does not count a reset by the card as one by the guest: what shows it is
	// the next start.
	for range 2 {
		m.expect("mini: state 2 hangs; i6300ESB timer is active, 20 s")
	}
	m.isSilent()
}

// TestWatchdogOfTheChipset is found without anybody's naming its driver, or that of
// the device that it hangs on.
func TestWatchdogOfTheChipset(t *testing.T) {
	inTurn(t, short)
	m := withWatchdog(t, false, hanging(t), "init=/usr/sbin/systemd moss.watchdog=300")
	m.expect("mini: state 2 hangs; iTCO_wdt is active, 300 s")
	m.isSilent()
}

// isSilent: the kernel has told nobody that the watchdog runs on, as was meant, nor
// what its driver found.
func (m *machine) isSilent() {
	m.t.Helper()
	for _, words := range []string{"did not stop", "iTCO_wdt:", "i6300ESB timer:"} {
		m.lacks(words)
	}
}

func (m *machine) lacks(words string) {
	m.t.Helper()
	if text := m.vm.Text(); strings.Contains(text, words) {
		m.t.Errorf("the screen has %q:\n%s", words, text)
	}
}

// hanging is a disk whose state 2 never does anything.
func hanging(t *testing.T) string {
	t.Helper()
	script := filepath.Join(t.TempDir(), "systemd")
	if err := os.WriteFile(script, []byte(hangs), 0o755); err != nil {
		t.Fatal(err)
	}
	d := newDisk(t)
	edit(t, d, "write "+script+" /.moss/root/2/usr/sbin/systemd")
	return d
}

// TestWatchdogIsNotForOthers: an init that would not feed it must not meet it, and
// pays for no driver.
func TestWatchdogIsNotForOthers(t *testing.T) {
	inTurn(t, short)
	m := withWatchdog(t, true, newDisk(t), "moss.watchdog=20")
	m.expect("the hardware watchdog is left alone: init is /usr/sbin/init, and only systemd would look after it")
	m.expect("is up")
	m.expect("# ")
	m.is("drivers", "ls /sys/class/watchdog /sys/bus/pci/drivers/lpc_ich 2>/dev/null", "")
}
