package early

import (
	"errors"
	"slices"
	"strings"
)

// pick chooses the device that is wanted. Labels are not unique: an installer's
// stick, or the disk of another machine, has those of the same distribution. Of
// several the one on the disk that the loader came from is meant.
func (h *hunt) pick() (*blockDevice, error) {
	d, err := h.want.pick(h.found)
	same, ok := errors.AsType[*sameName](err)
	spec, _ := h.want.(rootSpec)
	if !ok || spec.by != "LABEL" && spec.by != "PARTLABEL" || copies(same.all) {
		return d, err
	}
	loader := h.boot.loaderPartition()
	disk, ok := loaderDisk(h.found, loader)
	if loader == "" || !ok {
		return nil, err
	}
	there := func(d blockDevice) bool { return h.disk(d) == disk }
	near := slices.DeleteFunc(slices.Clone(same.all), func(d blockDevice) bool { return !there(d) })
	d, bad := spec.pick(near)
	if d == nil || bad != nil {
		return nil, err
	}
	for _, other := range slices.DeleteFunc(same.all, there) {
		if !sameSystem(*d, other) {
			h.boot.console.warnf("%s is the name of %s, too; taking %s, which is on the loader's disk", h.title, other, d)
		}
	}
	return d, nil
}

// copies: two of the devices have one UUID, and nothing says which is the copy.
func copies(all []blockDevice) bool {
	for i, a := range all {
		for _, b := range all[:i] {
			same := func(x, y string) bool { return x != "" && strings.EqualFold(x, y) }
			if (same(a.Holds.UUID, b.Holds.UUID) || same(a.Part.UUID, b.Part.UUID)) && !sameSystem(a, b) {
				return true
			}
		}
	}
	return false
}

// disk is the disk that a device is on, by its name in /sys: below a mapping the
// first device that it maps.
func (h *hunt) disk(d blockDevice) string {
	for range 8 { // a mapping of a mapping of ...
		if d.parent != "" || len(d.slaves) == 0 {
			break
		}
		at := slices.IndexFunc(h.found, func(o blockDevice) bool { return o.Name == d.slaves[0] })
		if at < 0 {
			return ""
		}
		d = h.found[at]
	}
	if d.parent != "" {
		return d.parent
	}
	return d.Name
}

// mayBeOptical: there is an optical drive that was not read, and what is wanted is
// a file system's name.
func (h *hunt) mayBeOptical() bool {
	spec, _ := h.want.(rootSpec)
	return (spec.by == "UUID" || spec.by == "LABEL") && slices.ContainsFunc(h.found, func(d blockDevice) bool { return d.unread })
}
