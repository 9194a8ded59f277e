package sdboot

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// firmware plans the firmware's entry: one for this loader on this partition.
// The lowest number is reused, whoever made it, and keeps its description; those
// that start the same without any data of their own are duplicates and go. What
// cannot be had is a warning while firmware finds the loader by itself.
func (d *draft) firmware() error {
	d.Fallback = d.ours(true)
	why := d.noEntry()
	if why == "" {
		return d.entry(d.native())
	}
	switch {
	case d.Fallback:
		d.note("no firmware entry: " + why + "; firmware finds the loader at the fallback path")
	default:
		d.warn("no firmware entry: " + why + ", and the fallback path is another system's: choose the loader in the firmware's own menu")
	}
	return nil
}

// ours: after this plan the firmware's machine has systemd-boot at its fallback
// path, or at the path that an entry names.
func (d *draft) ours(fallback bool) bool {
	i := slices.IndexFunc(d.found.Copies, func(c Copy) bool { return c.Fallback == fallback && c.Machine == d.native() })
	if i < 0 {
		return false
	}
	c := d.found.Copies[i]
	return c.Kind == Systemd || slices.ContainsFunc(d.Steps, func(s Step) bool { return s.Path == c.Path })
}

func (d *draft) noEntry() string {
	switch {
	case d.request.NoVariables:
		return "left alone as asked"
	case !d.found.Firmware.Known:
		return "this system has no EFI variables"
	case d.request.Partition.PARTUUID == "":
		return "the partition of " + d.Boot.ESP + " is not known"
	case !d.ours(false):
		return "the loader has no place of its own"
	}
	return ""
}

func (d *draft) native() string {
	if len(d.request.Sources) == 0 {
		return d.request.Native
	}
	return cmp.Or(d.request.Native, d.request.Sources[0].Arch)
}

func (d *draft) entry(arch string) error {
	firmware, p := d.found.Firmware, d.request.Partition
	path, err := devicePath(p, mainPath(arch))
	if err != nil {
		return fmt.Errorf("make firmware entry: %w", err)
	}
	ours := firmware.pointing(p, arch)
	ours, twins := split(ours)
	if len(ours) == 0 {
		index, ok := firmware.free()
		if !ok {
			return fmt.Errorf("make firmware entry: all numbers are taken")
		}
		ours = []firmwareEntry{{index: index, option: Option{Description: description(d.request.Name)}}}
	}
	kept := ours[0]
	wanted := Option{kept.option.Attributes | active, kept.option.Description, path, kept.option.Data}
	if wanted.Attributes != kept.option.Attributes || !bytes.Equal(wanted.Path, kept.option.Path) {
		d.set(kept.key().Name, wanted.Bytes(), fmt.Sprintf("write firmware entry %s %q", kept.key().Name, wanted.Description))
	}
	d.bootOrder(kept.index, twins)
	for _, twin := range twins {
		d.unset(twin.key().Name, fmt.Sprintf("remove firmware entry %s, which is the same as %s", twin.key().Name, kept.key().Name))
	}
	return nil
}

// split takes the duplicates apart: all but the first that give the program no
// data of their own.
func split(all []firmwareEntry) (ours, twins []firmwareEntry) {
	for i, e := range all {
		if i > 0 && len(e.option.Data) == 0 {
			twins = append(twins, e)
		} else {
			ours = append(ours, e)
		}
	}
	return ours, twins
}

// bootOrder takes duplicates out and puts index where it belongs; all other
// numbers keep their order.
func (d *draft) bootOrder(index uint16, twins []firmwareEntry) {
	gone := func(n uint16) bool {
		return slices.ContainsFunc(twins, func(e firmwareEntry) bool { return e.index == n })
	}
	order := slices.DeleteFunc(slices.Clone(d.found.Firmware.Order), gone)
	switch {
	case !d.request.NoOrder:
		order = append([]uint16{index}, slices.DeleteFunc(order, func(n uint16) bool { return n == index })...)
	case !slices.Contains(order, index):
		order = append(order, index)
	}
	if !slices.Equal(order, d.found.Firmware.Order) {
		d.set("BootOrder", numbers(order), "set the firmware's order: "+orderText(order))
	}
	d.forgetNext(gone)
}

// forgetNext: a BootNext that names an entry that goes would be an error to some
// firmware.
func (d *draft) forgetNext(gone func(uint16) bool) {
	if next := d.found.Firmware.Next; next >= 0 && gone(uint16(next)) {
		d.unset("BootNext", fmt.Sprintf("forget the choice of Boot%04X for the next boot", next))
	}
}

func orderText(order []uint16) string {
	var words []string
	for _, n := range order {
		words = append(words, fmt.Sprintf("%04X", n))
	}
	return strings.Join(words, ",")
}

// description is what the firmware's own menu shows. Some firmware cuts long
// names, so the system's comes in short.
func description(name string) string {
	const longest = 40
	text := "moss: " + cmp.Or(strings.ToValidUTF8(strings.ReplaceAll(name, "\x00", ""), "?"), "Linux")
	runes := []rune(text)
	return string(runes[:min(len(runes), longest)])
}

func (d *draft) set(name string, data []byte, text string) {
	step := d.add(OpSet, "", text)
	step.Key, step.Data = global(name), data
}

func (d *draft) unset(name, text string) { d.add(OpUnset, "", text).Key = global(name) }
