package bls

import (
	"fmt"
	"path"
	"strings"
)

// Entry is one item of the boot menu. An empty field means that the key is not
// there: the loader makes no difference between the two.
type Entry struct {
	// Name is File taken apart. File is the name on disk, which may differ in
	// case and in leading zeros of a counter.
	Name Name
	File string

	Title, Version, SortKey, MachineID string
	// Architecture is an EFI machine name ("x64"). An entry that names two
	// different ones holds both, with a space between: no machine is that. The
	// loader takes it in any case (Debian's 252.39 and later ones; the first 252
	// compared it exactly).
	Architecture string
	// Linux and EFI are paths on the entry's own partition. At most one is set:
	// in 252 the last line wins, later loaders refuse an entry with both.
	Linux, EFI string
	DeviceTree string
	// Initrd and Options hold one element a line, in order.
	Initrd, Options []string

	// Hidden says why the loader does not show the entry, "" when it does. Only
	// Load can know; Parse leaves it empty.
	Hidden string
	// Missing lists the initrds and the device tree that do not exist. The
	// loader shows such an entry and fails when it is chosen: 252 then returns
	// to the firmware without trying another one.
	Missing []string
}

// Parse reads an entry as systemd-boot 252 does: unknown keys are ignored,
// initrd and options add up, of anything else the last line wins. It fails only
// where the loader would not make an entry of the file at all.
func Parse(file string, data []byte) (Entry, error) {
	name, ok := ParseName(file)
	if !ok {
		return Entry{}, fmt.Errorf("parse entry %s: not the name of an entry", file)
	}
	e := Entry{Name: name, File: file}
	for key, value := range pairs(data) {
		e.set(key, value)
	}
	if e.Linux == "" && e.EFI == "" {
		return Entry{}, fmt.Errorf("parse entry %s: neither a linux nor an efi line", file)
	}
	return e, nil
}

func (e *Entry) set(key, value string) {
	switch key {
	case "title":
		e.Title = value
	case "version":
		e.Version = value
	case "sort-key":
		e.SortKey = value
	case "machine-id":
		e.MachineID = value
	case "linux":
		e.Linux, e.EFI = value, ""
	case "efi":
		e.Linux, e.EFI = "", value
	case "devicetree":
		e.DeviceTree = value
	case "initrd":
		e.Initrd = append(e.Initrd, value)
	case "options":
		e.Options = append(e.Options, value)
	case "architecture":
		if e.Architecture != "" && !strings.EqualFold(e.Architecture, value) {
			value = e.Architecture + " " + value
		}
		e.Architecture = value
	}
}

// ID is the entry's name to the loader, in LoaderEntries, LoaderEntrySelected
// and to the patterns of LoaderEntryDefault: the file's name in lower case,
// suffix and counters included. Loaders from 259 on leave the counters out.
func (e Entry) ID() string { return lower(e.File) }

// Files lists what the entry needs from its partition, as clean absolute paths
// with slashes: the program first, then the initrds, then the device tree.
func (e Entry) Files() []string {
	files := []string{Path(e.Linux + e.EFI)}
	for _, initrd := range e.Initrd {
		files = append(files, Path(initrd))
	}
	if e.DeviceTree != "" {
		files = append(files, Path(e.DeviceTree))
	}
	return files
}

// Path brings a path of an entry into one form: slashes, one leading, no dots.
// Its letters keep their case; the partition does not care about it.
func Path(value string) string {
	return path.Clean("/" + strings.ReplaceAll(value, `\`, "/"))
}

// CommandLine is what the kernel finds in /proc/cmdline: the loader puts an
// initrd= for every initrd before the options.
func (e Entry) CommandLine() string {
	var words []string
	for _, initrd := range e.Initrd {
		words = append(words, "initrd="+strings.ReplaceAll(Path(initrd), "/", `\`))
	}
	return strings.Join(append(words, e.Options...), " ")
}
