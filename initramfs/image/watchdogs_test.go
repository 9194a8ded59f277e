package image

import (
	"io"
	"slices"
	"testing"
)

// dogSystem has a chipset's watchdog and a card, beside the usual.
func dogSystem(t *testing.T) string {
	t.Helper()
	dir := root(t)
	var dep string
	for _, name := range []string{"ext4", "lpc_ich", "iTCO_wdt", "i6300esb", "watchdog"} {
		write(t, dir, modulesDir+"kernel/"+name+".ko", module(name))
		dep += "kernel/" + name + ".ko:"
		if name == "iTCO_wdt" || name == "i6300esb" {
			dep += " kernel/watchdog.ko"
		}
		dep += "\n"
	}
	write(t, dir, modulesDir+"modules.dep", dep)
	write(t, dir, modulesDir+"modules.softdep", "")
	write(t, dir, modulesDir+"modules.alias", "alias fs-ext4 ext4\nalias pci:v8086d25AB* i6300esb\nalias pci:v8086d2918* lpc_ich\nalias platform:iTCO_wdt iTCO_wdt\n")
	return dir
}

// TestWatchdogsWait until early boot has a use for one, unless somebody wants them in
// any case.
func TestWatchdogsWait(t *testing.T) {
	const card, chipset = "alias pci:v8086d25AB* i6300esb\n", "alias pci:v8086d2918* lpc_ich\nalias platform:iTCO_wdt iTCO_wdt\n"
	for name, c := range map[string]struct {
		change      func(*Config)
		now, later  string
		has, hasNot string
	}{
		"generic":  {func(*Config) {}, "alias fs-ext4 ext4\n", card + chipset, "watchdog", ""},
		"asked":    {func(c *Config) { c.Modules = []string{"i6300esb"} }, "alias fs-ext4 ext4\n" + card, chipset, "iTCO_wdt", ""},
		"left out": {func(c *Config) { c.Omit = []string{"iTCO-wdt", "lpc_ich"} }, "alias fs-ext4 ext4\n", card, "watchdog", "iTCO_wdt"},
		"list":     {func(c *Config) { c.Mode, c.Modules = ModeList, []string{"ext4"} }, "alias fs-ext4 ext4\n", "<absent>", "ext4", "watchdog"},
	} {
		cfg := Config{Root: dogSystem(t), Compress: "none"}
		c.change(&cfg)
		image, report := build(t, cfg)
		all := records(t, image)
		for file, want := range map[string]string{"modules.alias": c.now, "modules.later": c.later} {
			got := "<absent>"
			if r, ok := all[modulesDir+file]; ok {
				data, _ := io.ReadAll(io.NewSectionReader(r, 0, int64(r.FileSize)))
				got = string(data)
			}
			if got != want {
				t.Errorf("%s: %s: got %q, want %q", name, file, got, want)
			}
		}
		if !slices.Contains(report.Modules, c.has) || slices.Contains(report.Modules, c.hasNot) || slices.Contains(report.Missing, "wdat_wdt") {
			t.Errorf("%s: got %+v", name, report)
		}
	}
}

// TestHostWatchdog: the one that this machine has in use.
func TestHostWatchdog(t *testing.T) {
	cfg := hostSystem(t)
	for _, name := range []string{"lpc_ich", "iTCO_wdt", "i6300esb"} {
		write(t, cfg.Root, modulesDir+"kernel/"+name+".ko", module(name))
	}
	write(t, cfg.Root, modulesDir+"modules.dep", "kernel/ext4.ko:\nkernel/nvme.ko:\nkernel/lpc_ich.ko:\nkernel/iTCO_wdt.ko:\nkernel/i6300esb.ko:\n")
	write(t, cfg.Root, "proc/modules", "iTCO_wdt 1 0 - Live 0x0\nlpc_ich 1 0 - Live 0x0\n")
	cfg.LUKS = No
	if _, report := build(t, cfg); !slices.Equal(report.Modules, []string{"ext4", "iTCO_wdt", "lpc_ich", "nvme"}) {
		t.Errorf("got %v, want the watchdog in use and no other", report.Modules)
	}
}
