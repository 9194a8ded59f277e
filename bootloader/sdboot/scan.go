package sdboot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"moss/bootloader/efivar"
	"moss/bootloader/esp"
)

// Kind is what a file at one of the loader's paths is.
type Kind string

// The kinds. Broken is no whole EFI program: what a cut of a write without care
// leaves, and what no firmware starts.
const (
	Absent  Kind = "absent"
	Systemd Kind = "systemd-boot"
	Foreign Kind = "foreign"
	Broken  Kind = "broken"
)

// Copy is one place of the loader.
type Copy struct {
	// Path is a path of the running system as it is spelled on disk; Machine is
	// the one that the name is for.
	Path, Machine string
	// Fallback: the place that firmware starts without an entry.
	Fallback bool
	Kind     Kind
	Program
	data []byte
}

// Found is what Scan saw.
type Found struct {
	Boot esp.Boot
	// Copies has two for each machine that a loader can be for, the first one not
	// at the fallback path.
	Copies []Copy
	// Kept are the previous programs, by path.
	Kept map[string][]byte
	// Missing are folders that are not there yet, parents first; Stale are
	// temporary files that an interrupted write left.
	Missing, Stale []string
	// Config and Marker are loader.conf and loader/entries.srel, and whether each
	// is there.
	Config, Marker        string
	HasConfig, HasEntries bool
	// Others is what else this loader starts: entries and unified kernels that
	// are not ours, by name.
	Others   []string
	Space    esp.Space
	Firmware Firmware

	systemdDir, removables string
	names                  map[string][]string // what is in those two
}

// Scan reads the ESP, and the firmware's boot entries unless vars is nil. Menu
// entries whose name begins with owner are ours; all others count as somebody
// else's.
func Scan(boot esp.Boot, vars efivar.Vars, owner string) (Found, error) {
	f := Found{Boot: boot, Kept: map[string][]byte{}, names: map[string][]string{}}
	if err := inside(boot); err != nil {
		return Found{}, err
	}
	for _, read := range []func() error{f.folders, f.copies, f.temps, func() error { return f.others(owner) }} {
		if err := read(); err != nil {
			return Found{}, errors.Join(errScan, err)
		}
	}
	var err error
	if f.Space, err = esp.Measure(boot.ESP); err != nil {
		return Found{}, err
	}
	f.Firmware, err = readFirmware(vars)
	return f, err
}

// inside refuses links that lead out of the partition. FAT has none; a folder
// that stands for an ESP may, and through a link to the host's own a command for
// another root would replace the loader of this machine.
func inside(boot esp.Boot) error {
	for _, base := range []string{boot.ESP, boot.Dir} {
		home, err := filepath.EvalSymlinks(base)
		if err != nil {
			return errors.Join(errScan, err)
		}
		for _, rel := range []string{"EFI", "EFI/systemd", "EFI/BOOT", "EFI/Linux", "loader", "loader/entries"} {
			path, there := esp.Fold(base, rel)
			if !there {
				continue
			}
			real, err := filepath.EvalSymlinks(path)
			if err != nil || real != home && !strings.HasPrefix(real, strings.TrimSuffix(home, "/")+"/") {
				return &RefusedError{fmt.Sprintf("look at the ESP: %s is a link that leads out of %s", path, base), "remove the link, or name the ESP itself with --esp DIR"}
			}
		}
	}
	return nil
}

var errScan = errors.New("look at the ESP")

func (f *Found) folders() error {
	for _, place := range []struct{ dir, rel string }{
		{f.Boot.ESP, "EFI"}, {f.Boot.ESP, "EFI/systemd"}, {f.Boot.ESP, "EFI/BOOT"}, {f.Boot.ESP, "loader"},
		{f.Boot.Dir, "loader"}, {f.Boot.Dir, "loader/entries"},
	} {
		path, ok := esp.Fold(place.dir, place.rel)
		if !ok && !slices.Contains(f.Missing, path) {
			f.Missing = append(f.Missing, path)
		}
	}
	f.systemdDir, _ = esp.Fold(f.Boot.ESP, "EFI/systemd")
	f.removables, _ = esp.Fold(f.Boot.ESP, "EFI/BOOT")
	f.Config, f.HasConfig = esp.Fold(f.Boot.ESP, "loader/loader.conf")
	f.Marker, _ = esp.Fold(f.Boot.Dir, "loader/entries.srel")
	_, f.HasEntries = esp.Fold(f.Boot.Dir, "loader/entries")
	return nil
}

func (f *Found) copies() error {
	for _, arch := range arches() {
		for _, rel := range []string{mainPath(arch), fallbackPath(arch)} {
			c, err := f.copy(arch, rel)
			if err != nil {
				return err
			}
			f.Copies = append(f.Copies, c)
		}
		path, ok := esp.Fold(f.Boot.ESP, mainPath(arch)+previous)
		if !ok {
			continue
		}
		if err := f.keep(path); err != nil {
			return err
		}
	}
	return nil
}

// keep notes a previous program. One that is too large for a loader is only known
// by its name: it can be replaced and removed like any other.
func (f *Found) keep(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return nil
	}
	f.Kept[path] = nil
	if info.Mode().IsRegular() && info.Size() <= maxProgram {
		f.Kept[path], err = os.ReadFile(path)
	}
	return err
}

func (f *Found) copy(arch, rel string) (Copy, error) {
	path, ok := esp.Fold(f.Boot.ESP, rel)
	c := Copy{Path: path, Machine: arch, Fallback: rel == fallbackPath(arch), Kind: Absent}
	if !ok {
		return c, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return c, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxProgram {
		c.Kind = Foreign
		return c, nil
	}
	if c.data, err = os.ReadFile(path); err != nil {
		return c, err
	}
	c.judge()
	return c, nil
}

// judge: below EFI/systemd a file that is no program can only be a loader that
// was not written to its end. At the fallback path it may be anybody's, so there
// only an empty one is nobody's.
func (c *Copy) judge() {
	program, err := Parse(c.data)
	switch {
	case len(c.data) == 0, err != nil && !c.Fallback:
		c.Kind = Broken
	case err != nil, program.Version == "", program.Arch != c.Machine:
		c.Kind = Foreign
	default:
		c.Kind, c.Program = Systemd, program
	}
}

var tempForm = regexp.MustCompile(`^\.(.+)\.tmp-[0-9]+$`)

// temps lists both folders, and finds in them what atomicfile left of the files
// that are written here.
func (f *Found) temps() error {
	for _, dir := range []string{f.systemdDir, f.removables} {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err == nil {
			f.names[dir] = nil
		}
		for _, entry := range entries {
			f.names[dir] = append(f.names[dir], entry.Name())
			name := tempForm.FindStringSubmatch(entry.Name())
			if name != nil && entry.Type().IsRegular() && f.writes(filepath.Join(dir, name[1])) {
				f.Stale = append(f.Stale, filepath.Join(dir, entry.Name()))
			}
		}
	}
	return nil
}

func (f *Found) writes(path string) bool {
	return slices.ContainsFunc(f.Copies, func(c Copy) bool {
		return strings.EqualFold(path, c.Path) || !c.Fallback && strings.EqualFold(path, c.Path+previous)
	})
}

func (f *Found) others(owner string) error {
	for _, base := range []string{f.Boot.ESP, f.Boot.Dir} {
		for _, place := range []struct{ rel, suffix string }{{"loader/entries", ".conf"}, {"EFI/Linux", suffix}} {
			dir, _ := esp.Fold(base, place.rel)
			entries, err := os.ReadDir(dir)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			for _, entry := range entries {
				name := strings.ToLower(entry.Name())
				ours := owner != "" && strings.HasPrefix(name, strings.ToLower(owner))
				if !entry.IsDir() && strings.HasSuffix(name, place.suffix) && !strings.HasPrefix(name, ".") && !ours && !slices.Contains(f.Others, entry.Name()) {
					f.Others = append(f.Others, entry.Name())
				}
			}
		}
	}
	return nil
}
