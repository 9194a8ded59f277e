package early

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"moss/internal/testutil"
)

// dogDriver is a machine whose watchdog has no driver yet: it is in a chipset, of
// which nothing is known but the PCI device.
func dogDriver(t *testing.T, line string, change testutil.Tree) (*Boot, *fakeDog, *[]string) {
	t.Helper()
	const dir = "usr/lib/modules/6.1/"
	tree := testutil.Tree{
		dir + "modules.dep":                     "blk.ko:\nlpc.ko:\ncore.ko:\ntco.ko: core.ko\nother.ko:\n",
		dir + "modules.alias":                   "alias pci:v1af4* blk\n",
		dir + "modules.later":                   "alias pci:v8086* lpc\nalias platform:tco tco\nalias pci:v1022* other\n",
		"proc/modules":                          "",
		"sys/bus/pci/devices/0/modalias":        "pci:v1af4\n",
		"sys/bus/pci/devices/1/modalias":        "pci:v8086\n",
		"sys/bus/platform/devices/rtc/modalias": "platform:rtc\n",
		"dev/watchdog0":                         "gone", "dev/": "",
	}
	for name, value := range change {
		tree[name] = value
	}
	b, dog := dogMachine(t, line, tree)
	b.kernel = "6.1"
	if err := b.openLoader(); err != nil {
		t.Fatal(err)
	}
	inserted := &[]string{}
	b.loader.Insert = func(path, _ string) error {
		name := filepath.Base(path)
		*inserted = append(*inserted, name)
		if said(b, "proc/sys/kernel/printk") != "2\n" && name != "blk.ko" {
			t.Errorf("%s: what the kernel says of it is on the screen", name)
		}
		switch name {
		case "lpc.ko": // makes another device
			testutil.Tree{"sys/bus/platform/devices/tco/modalias": "platform:tco\n"}.Create(t, b.Top)
		case "tco.ko":
			return os.WriteFile(b.path("dev/watchdog0"), nil, 0o600)
		}
		return nil
	}
	return b, dog, inserted
}

func TestWatchdogDriverIsLoadedWhenItIsNeeded(t *testing.T) {
	b, dog, got := dogDriver(t, "moss.fstx=3", nil)
	b.loadPresent()
	if diff := cmp.Diff([]string{"blk.ko"}, *got); diff != "" {
		t.Errorf("before there is a root: -want +got\n%s", diff)
	}
	if err := b.armWatchdog(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"blk.ko", "lpc.ko", "core.ko", "tco.ko"}, *got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if dog.has != 180 || dog.written == "" {
		t.Errorf("got %+v, want it armed", dog)
	}
}

func TestWatchdogDriverStaysAway(t *testing.T) {
	for name, c := range map[string]struct {
		line   string
		change testutil.Tree
	}{
		"not counted":      {"", testutil.Tree{countPath: "gone", "sys/firmware/efi/efivars/Other-x": "x"}},
		"another init":     {"", testutil.Tree{"sysroot/usr/sbin/init": "0755:x"}},
		"off":              {"moss.watchdog=off", nil},
		"one that is here": {"", testutil.Tree{"dev/watchdog0": ""}},
		"other hardware":   {"", testutil.Tree{"sys/bus/pci/devices/1/modalias": "pci:v9999\n"}},
		"blacklisted":      {"modprobe.blacklist=lpc", nil},
	} {
		b, _, got := dogDriver(t, c.line, c.change)
		if err := b.armWatchdog(); err != nil || len(*got) != 0 {
			t.Errorf("%s: got %v, %v, want nothing loaded", name, *got, err)
		}
	}
}

// TestWatchdogThatIsSwitchedOff: its driver finds the chipset and no watchdog.
func TestWatchdogThatIsSwitchedOff(t *testing.T) {
	b, dog, got := dogDriver(t, "moss.watchdog=60", nil)
	b.loader.Insert = func(path, _ string) error {
		*got = append(*got, filepath.Base(path))
		return unix.ENODEV
	}
	if err := b.armWatchdog(); err != nil || dog.written != "" || len(*got) == 0 {
		t.Errorf("got %v, %+v after %v, want nothing armed", err, dog, *got)
	}
	if want := "moss-init: the hardware watchdog is left alone: there is none\n"; screen(t, b) != want {
		t.Errorf("got %q, want %q", screen(t, b), want)
	}
}
