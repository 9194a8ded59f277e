// Package sdboot installs, updates and removes systemd-boot itself: the program
// on the ESP, its copy at the path that firmware starts by default, and the
// firmware's own boot entry.
//
// As with the menu, Scan reads what there is, MakePlan turns it into named steps
// without touching anything, and Apply carries them out. Three rules hold at
// every step:
//
//   - What is not systemd-boot, by the .sdmagic section of the program, is
//     somebody else's and stays.
//   - An older program never replaces a newer one, and an equal one only when it
//     adds a signature, unless that is asked for. Neither does one that firmware
//     would not start replace one that it does.
//   - One startable copy is always there: the program first, then the copy that
//     firmware falls back to.
//
// The program that was there before stays beside the new one with the suffix
// ".previous", which neither firmware nor loader starts. Nothing goes back to it
// by itself: copy it over the other by hand, from any system that can mount the
// ESP. There is never a random seed: a seed that is copied with a disk image is
// worse than none.
package sdboot

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Loader is a systemd-boot that can be installed.
type Loader struct {
	Program
	// Path is where it was read, Data its content.
	Path string
	Data []byte
}

const (
	suffix   = ".efi"
	signed   = ".efi.signed"
	previous = ".previous"
	stem     = "systemd-boot"
	// maxProgram bounds what is read into memory; systemd-boot has 0.2 MB, and a
	// unified kernel at the same path would be no loader.
	maxProgram = 16 << 20
)

// SourceDir is where systemd puts its loader, relative to /usr.
const SourceDir = "lib/systemd/boot/efi"

// Read reads a systemd-boot from a file.
func Read(path string) (Loader, error) {
	data, err := readProgram(path)
	if err != nil {
		return Loader{}, fmt.Errorf("read boot loader: %w", err)
	}
	program, err := Parse(data)
	if err != nil {
		return Loader{}, fmt.Errorf("read boot loader %s: %w", path, err)
	}
	if program.Version == "" {
		return Loader{}, fmt.Errorf("read boot loader %s: not systemd-boot, it has no %s section that says so", path, magicSection)
	}
	return Loader{program, path, data}, nil
}

func readProgram(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxProgram {
		return nil, fmt.Errorf("%s is not a file of at most %d bytes", path, maxProgram)
	}
	return os.ReadFile(path)
}

// Sources lists the loaders that a tree's usr brings, one for each machine; a
// signed one goes before its unsigned twin.
func Sources(usr string) ([]string, error) {
	dir := filepath.Join(usr, SourceDir)
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	var paths []string
	for _, entry := range entries {
		plain := strings.TrimSuffix(entry.Name(), signed) // with or without the suffix
		arch, ok := strings.CutPrefix(strings.TrimSuffix(plain, suffix), stem)
		if !ok || plain+signed != entry.Name() && !strings.HasSuffix(plain, suffix) || !slices.Contains(arches(), arch) {
			continue
		}
		path := filepath.Join(dir, stem+arch+suffix)
		if better := filepath.Join(dir, stem+arch+signed); isFile(better) {
			path = better
		}
		paths = append(paths, path)
	}
	paths = slices.Compact(paths) // the twins stand side by side
	if len(paths) == 0 {
		return nil, &NoSourceError{Dir: dir}
	}
	return paths, nil
}

// NoSourceError says that a system brings no loader.
type NoSourceError struct{ Dir string }

func (e *NoSourceError) Error() string { return "find boot loader: no systemd-boot in " + e.Dir }

// Hint says where one comes from.
func (e *NoSourceError) Hint() string {
	return "install the package with systemd-boot (systemd-boot-efi), or name the program with --source FILE"
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// arches are the machine names, sorted.
func arches() []string {
	var names []string
	for _, name := range machines() {
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func mainPath(arch string) string     { return "EFI/systemd/" + stem + arch + suffix }
func fallbackPath(arch string) string { return "EFI/BOOT/BOOT" + strings.ToUpper(arch) + ".EFI" }
