package bootloader

import (
	"bytes"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// sweep removes what is left over and may go: files of ours that nothing needs
// any more, and temporary files. The order is that of the names, so that a plan
// is the same every time.
func (d *draft) sweep(may func(name string) bool) {
	for _, path := range slices.Sorted(maps.Keys(d.found.Files)) {
		if name := strings.ToLower(filepath.Base(path)); !d.needed(name) && may(name) {
			d.remove(path, d.found.Files[path], "remove unused "+name)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(d.found.Stale)) {
		d.remove(path, d.found.Stale[path], "remove what an interrupted write left: "+filepath.Base(path))
	}
}

func (d *draft) remove(path string, c Content, text string) {
	if slices.ContainsFunc(d.Steps, func(s Step) bool { return s.Op == OpSweep && s.Path == path }) {
		return // went early
	}
	d.add(OpSweep, path, text+", "+size(c.Size)).Bytes = d.round(c.Size)
}

// needed: by an entry that is to be, by one that stays, by a foreign one.
func (d *draft) needed(name string) bool {
	for _, it := range d.items {
		if slices.ContainsFunc(it.files, func(f file) bool { return f.name == name }) {
			return true
		}
	}
	return d.mentioned(name, func(o Own) bool { return d.stays[o.File] })
}

// mentioned looks for the name in the text of entries instead of in their known
// keys: a later loader has keys that this one does not know, options can name an
// initrd, and a damaged entry can be repaired by its owner.
func (d *draft) mentioned(name string, counts func(Own) bool) bool {
	for _, own := range d.found.Ours {
		if counts(own) && mentions(own.Data, name) {
			return true
		}
	}
	for _, raw := range d.found.Foreign {
		if mentions(raw.Data, name) {
			return true
		}
	}
	return false
}

func mentions(text []byte, name string) bool {
	return bytes.Contains(bytes.ToLower(text), []byte(name))
}
