package sdboot

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// Remove plans to take the loader away: every program that is systemd-boot by
// its .sdmagic, for every machine, with the previous ones beside them, and the
// firmware entries that start it from this partition. It is refused while there
// are entries or unified kernels of other systems that only this loader starts.
//
// The firmware's entry goes first and the fallback path last, so that until the
// last file is gone firmware still finds one. loader.conf and menu entries stay.
func Remove(r Request, f Found) (Plan, error) {
	d := draft{request: r, found: f, Plan: Plan{Boot: f.Boot, Have: f.Space.Free}}
	if len(f.Others) > 0 && !r.Force {
		return Plan{}, &RefusedError{fmt.Sprintf("remove boot loader from %s: %s of another system needs it", f.Boot.ESP, strings.Join(f.Others, ", ")),
			"remove it anyway with --force"}
	}
	d.forgetFirmware()
	d.sweep()
	for _, fallback := range []bool{false, true} {
		for _, c := range f.Copies {
			if c.Fallback == fallback {
				d.removeCopy(c)
			}
		}
	}
	for _, dir := range []string{f.systemdDir, f.removables} {
		if d.empties(dir) {
			d.add(OpTidy, dir, "remove folder "+dir)
		}
	}
	return d.Plan, d.check()
}

func (d *draft) removeCopy(c Copy) {
	switch {
	case c.Kind == Systemd:
		d.add(OpRemove, c.Path, fmt.Sprintf("remove systemd-boot %s from %s", c.Version, c.Path))
	case c.Kind == Broken:
		d.add(OpRemove, c.Path, "remove what is no whole program: "+c.Path)
	case c.Kind == Foreign:
		d.note(fmt.Sprintf("%s is not systemd-boot and stays", c.Path))
		return
	}
	for path := range d.found.Kept {
		if !c.Fallback && strings.EqualFold(path, c.Path+previous) {
			d.add(OpRemove, path, "remove "+path)
		}
	}
}

func (d *draft) forgetFirmware() {
	f, p := d.found.Firmware, d.request.Partition
	switch {
	case d.request.NoVariables || !f.Known:
		return
	case p.PARTUUID == "":
		d.warn("firmware entries stay: the partition of " + d.Boot.ESP + " is not known")
		return
	}
	var ours []firmwareEntry
	for _, arch := range arches() {
		if !d.foreignAt(arch) {
			ours = append(ours, f.pointing(p, arch)...)
		}
	}
	gone := func(n uint16) bool {
		return slices.ContainsFunc(ours, func(e firmwareEntry) bool { return e.index == n })
	}
	order := slices.DeleteFunc(slices.Clone(f.Order), gone)
	switch {
	case len(order) == len(f.Order):
	case len(order) == 0:
		d.unset("BootOrder", "remove the firmware's order, which had nothing else")
	default:
		d.set("BootOrder", numbers(order), "set the firmware's order: "+orderText(order))
	}
	d.forgetNext(gone)
	for _, e := range ours {
		d.unset(e.key().Name, fmt.Sprintf("remove firmware entry %s %q", e.key().Name, e.option.Description))
	}
}

// foreignAt: somebody else's program has the path, and an entry for it is theirs.
func (d *draft) foreignAt(arch string) bool {
	return slices.ContainsFunc(d.found.Copies, func(c Copy) bool { return !c.Fallback && c.Machine == arch && c.Kind == Foreign })
}

// empties: the plan takes everything out of the folder, or a removal that was cut
// has done so.
func (d *draft) empties(dir string) bool {
	names, exists := d.found.names[dir]
	for _, name := range names {
		if !slices.ContainsFunc(d.Steps, func(s Step) bool { return s.Path == filepath.Join(dir, name) }) {
			return false
		}
	}
	return exists
}
