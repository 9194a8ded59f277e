package early

import (
	"os"
	"path/filepath"
	"strings"
)

// mayHaveWatchdog: there is one, or drivers that nobody has tried yet.
func (b *Boot) mayHaveWatchdog() bool {
	return b.hasWatchdog() || b.loader != nil && b.loader.HasLater()
}

func (b *Boot) hasWatchdog() bool {
	_, err := os.Stat(b.watchdogNode())
	return err == nil
}

// loadWatchdog loads the driver of one watchdog that is there. No other boot pays for
// these, so they wait in the image until now. One in a chipset is found in two
// rounds: the driver of the chipset makes the platform device that its own serves.
//
// The kernel calls a watchdog that the firmware has switched off an error, on the
// screen; here it means that there is none.
func (b *Boot) loadWatchdog() {
	b.withoutConsole(func() {
		for _, bus := range []string{"pci", "platform"} {
			b.loadWatchdogOf(bus)
		}
	})
}

func (b *Boot) loadWatchdogOf(bus string) {
	for _, alias := range b.modaliases(bus) {
		if b.hasWatchdog() {
			return
		}
		if err := b.loader.LoadLater(alias); err != nil {
			b.console.debugf("%v", err)
		}
	}
}

func (b *Boot) modaliases(bus string) (all []string) {
	devices := b.path("sys/bus/" + bus + "/devices")
	for _, device := range entries(devices) {
		if alias, err := os.ReadFile(filepath.Join(devices, device, "modalias")); err == nil {
			all = append(all, strings.TrimSpace(string(alias)))
		}
	}
	return all
}
