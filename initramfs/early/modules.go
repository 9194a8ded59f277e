package early

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"moss/initramfs/kmod"
	"moss/internal/heapsort"
)

// coldplug loads the modules that the devices present ask for. Loading all that
// the image has would take ten times the rest of the boot.
func (b *Boot) coldplug() error {
	var err error
	if b.events, err = openEvents(); err != nil {
		return err
	}
	if err := b.openLoader(); err != nil {
		return err
	}
	b.aliases = map[string]bool{}
	b.loadPresent()
	return nil
}

// openLoader reads the image's module index. An image without one is for a
// kernel that has every driver built in.
func (b *Boot) openLoader() error {
	loaded, err := kmod.Loaded(b.path("proc/modules"))
	if err != nil {
		b.console.debugf("this kernel loads no modules: %v", err)
		return nil
	}
	dir := b.path("usr/lib/modules/" + b.kernel)
	b.loader, err = kmod.NewLoader(dir, loaded, b.line.Modules(), blacklist(b.line))
	if errors.Is(err, fs.ErrNotExist) {
		b.noModules()
		return nil
	}
	if err != nil {
		return err
	}
	b.loader.Ignored = func(err error) { b.console.debugf("%v", err) }
	return nil
}

// noModules says when the image was built for another kernel, which is the
// usual reason for a root that does not appear.
func (b *Boot) noModules() {
	names, _ := namesIn(b.path("usr/lib/modules"))
	if len(names) == 0 {
		b.console.debugf("this image has no modules")
		return
	}
	b.console.warnf("this image has modules for kernel %s and none for %s", strings.Join(names, ", "), b.kernel)
}

// namesIn lists a folder, sorted. os.ReadDir would add an instance of its sort for
// entries to the program, 7 kB.
func namesIn(dir string) ([]string, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	heapsort.Strings(names)
	return names, err
}

// loadPresent goes through the devices of every bus. filepath.Glob would look
// at each name twice, which on a cold machine takes longer than a module.
func (b *Boot) loadPresent() {
	buses := b.path("sys/bus")
	for _, bus := range entries(buses) {
		devices := filepath.Join(buses, bus, "devices")
		for _, device := range entries(devices) {
			alias, err := os.ReadFile(devices + "/" + device + "/modalias")
			if err != nil {
				continue // most devices have none, and some have gone
			}
			b.loadFor(strings.TrimSpace(string(alias)))
		}
	}
}

// entries names what is in a folder, sorted, so that disks get their names in the
// same order at each boot; nothing if it cannot be read.
func entries(dir string) []string {
	names, _ := namesIn(dir)
	return names
}

// loadFor loads what serves a modalias, once. A driver that fails is no reason
// to stop: the root may need another one.
func (b *Boot) loadFor(alias string) {
	if b.loader == nil || alias == "" || b.aliases[alias] {
		return
	}
	b.aliases[alias] = true
	if err := b.loader.LoadAlias(alias); err != nil {
		b.console.warnf("%v", err)
	}
}
