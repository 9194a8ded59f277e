package sdboot

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"moss/bootloader/efivar"
)

// Firmware is what the firmware says about booting.
type Firmware struct {
	// Known is false on a machine without variables, and for any root that is
	// not the running system.
	Known bool
	// SecureBoot: programs without a good signature are not started.
	SecureBoot bool
	// Order is BootOrder, Next is BootNext or -1.
	Order []uint16
	Next  int

	entries []firmwareEntry // sorted by index
}

// firmwareEntry is a Boot#### variable. One that cannot be read takes its number
// and is nobody's.
type firmwareEntry struct {
	index  uint16
	option Option
	// guid and file are what it starts, "" when that is no file of a GPT
	// partition. The file is in lower case with slashes.
	guid, file string
}

// OurEntry is a firmware entry for this loader, as status shows it.
type OurEntry struct {
	Name        string `json:"name"` // "Boot0001"
	Description string `json:"description"`
	First       bool   `json:"first"`
	Active      bool   `json:"active"`
	// Twin: an entry before it says the same; an install removes this one.
	Twin bool `json:"twin"`
}

// Entries lists the firmware's entries for systemd-boot on a partition.
func (f Firmware) Entries(p Partition) []OurEntry {
	ours := []OurEntry{}
	for _, arch := range arches() {
		all := f.pointing(p, arch)
		_, twins := split(all)
		for _, e := range all {
			ours = append(ours, OurEntry{Name: e.key().Name, Description: e.option.Description,
				First: len(f.Order) > 0 && f.Order[0] == e.index, Active: e.option.Attributes&active != 0,
				Twin: slices.ContainsFunc(twins, func(t firmwareEntry) bool { return t.index == e.index })})
		}
	}
	return ours
}

func global(name string) efivar.Key { return efivar.Key{Name: name, Vendor: efivar.GlobalVendor} }

func (e firmwareEntry) key() efivar.Key { return global(fmt.Sprintf("Boot%04X", e.index)) }

var bootForm = regexp.MustCompile(`^Boot([0-9A-Fa-f]{4})$`)

func readFirmware(vars efivar.Vars) (Firmware, error) {
	f := Firmware{Next: -1}
	if vars == nil {
		return f, nil
	}
	keys, err := vars.List()
	if err != nil {
		return f, fmt.Errorf("list EFI variables: %w", err)
	}
	f.Known = true
	for _, key := range keys {
		digits := bootForm.FindStringSubmatch(key.Name)
		if digits == nil || key.Vendor != efivar.GlobalVendor {
			continue
		}
		index, _ := strconv.ParseUint(digits[1], 16, 16) // four digits fit
		f.entries = append(f.entries, readEntry(vars, key, uint16(index)))
	}
	slices.SortFunc(f.entries, func(a, b firmwareEntry) int { return int(a.index) - int(b.index) })
	order, err := readNumbers(vars, "BootOrder")
	next, nextErr := readNumbers(vars, "BootNext")
	if f.Order = order; len(next) > 0 {
		f.Next = int(next[0])
	}
	secure, _, secureErr := vars.Read(global("SecureBoot"))
	f.SecureBoot = secureErr == nil && len(secure) > 0 && secure[0] == 1
	return f, errors.Join(err, nextErr)
}

// readEntry never fails: firmware keeps entries of its own that nobody else
// understands, and those must not stop an install.
func readEntry(vars efivar.Vars, key efivar.Key, index uint16) firmwareEntry {
	e := firmwareEntry{index: index}
	data, _, err := vars.Read(key)
	if err != nil {
		return e
	}
	option, err := ParseOption(data)
	if err != nil {
		return e
	}
	if guid, file, ok := target(option.Path); ok {
		e.option, e.guid, e.file = option, guid, file
	}
	return e
}

func readNumbers(vars efivar.Vars, name string) ([]uint16, error) {
	data, _, err := vars.Read(global(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []uint16
	for ; len(data) >= 2; data = data[2:] {
		all = append(all, binary.LittleEndian.Uint16(data))
	}
	return all, nil
}

func numbers(all []uint16) []byte {
	var out []byte
	for _, n := range all {
		out = binary.LittleEndian.AppendUint16(out, n)
	}
	return out
}

// pointing are the entries that start this loader from this partition, whoever
// made them: same partition, same file.
func (f Firmware) pointing(p Partition, arch string) []firmwareEntry {
	var all []firmwareEntry
	for _, e := range f.entries {
		if e.guid != "" && e.guid == strings.ToLower(p.PARTUUID) && e.file == strings.ToLower(mainPath(arch)) {
			all = append(all, e)
		}
	}
	return all
}

func (f Firmware) free() (uint16, bool) {
	for index := range 1 << 16 {
		if !slices.ContainsFunc(f.entries, func(e firmwareEntry) bool { return int(e.index) == index }) {
			return uint16(index), true
		}
	}
	return 0, false
}
