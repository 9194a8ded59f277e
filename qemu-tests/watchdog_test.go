package qemutests

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"moss/qemu-tests/vm"
	"moss/qemu-tests/world"
)

// hangs is an init that is systemd by its name and never does anything.
const hangs = `#!/usr/bin/dash
echo "mini: state $(cat /usr/.stateID) hangs"
read -r nothing
`

// watched is an early-boot image with the driver of QEMU's watchdog.
var watched = sync.OnceValues(func() (string, error) {
	w, err := world.New(os.Stderr)
	if err != nil {
		return "", err
	}
	out := filepath.Join(shared.dir, "moss-watchdog.initrd")
	system, _, _ := strings.Cut(shared.kernel.Image, "/usr/lib/kernel/")
	_, err = w.Run(context.Background(), "moss-boot", "initramfs", "build", "-D", system, "--kernel", shared.kernel.Version,
		"--init", filepath.Join(w.Build, "bin", string(plainImage)), "--modules", "i6300esb", "-o", out)
	return out, err
})

func withWatchdog(t *testing.T, disk, words string) *machine {
	t.Helper()
	initrd, err := watched()
	if err != nil {
		t.Fatal(err)
	}
	started, err := vm.Start(t.Context(), vm.Config{Name: strings.ReplaceAll(t.Name(), "/", "-"), LogDir: shared.dir, Accel: shared.accel, Memory: 512,
		Disks: []vm.Disk{{Path: disk}}, Watchdog: true, Kernel: shared.kernel.Plain, Initrd: initrd,
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
	d := newDisk(t)
	script := filepath.Join(t.TempDir(), "systemd")
	if err := os.WriteFile(script, []byte(hangs), 0o755); err != nil {
		t.Fatal(err)
	}
	edit(t, d, "write "+script+" /.moss/root/2/usr/sbin/systemd")
	m := withWatchdog(t, d, "init=/usr/sbin/systemd moss.watchdog=20")
	// QEMU does not count a reset by the card as one by the guest: what shows it is
	// the next start.
	for range 3 {
		m.expect("mini: state 2 hangs")
	}
	if text := m.vm.Text(); strings.Contains(text, "did not stop") {
		t.Errorf("the screen tells what was meant: %s", text)
	}
}

// TestWatchdogIsNotForOthers: an init that would not feed it must not meet it.
func TestWatchdogIsNotForOthers(t *testing.T) {
	inTurn(t, short)
	m := withWatchdog(t, newDisk(t), "moss.watchdog=20")
	m.expect("the hardware watchdog is left alone: init is /usr/sbin/init, and only systemd would look after it")
	m.expect("is up")
	m.expect("# ")
	m.is("the driver is there and does not run", "cat /sys/class/watchdog/watchdog0/state", "inactive")
}
