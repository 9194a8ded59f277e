package bootloader

import (
	"bytes"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// sweep removes what is left over: files of ours that nothing needs any more,
// and temporary files. The order is that of the names, so that a plan is the
// same every time.
func (d *draft) sweep() []Step {
	var steps []Step
	for _, path := range slices.Sorted(maps.Keys(d.found.Files)) {
		if name := strings.ToLower(filepath.Base(path)); !d.needed(name) {
			steps = append(steps, d.remove(path, d.found.Files[path], "remove unused "+name))
		}
	}
	for _, path := range slices.Sorted(maps.Keys(d.found.Stale)) {
		steps = append(steps, d.remove(path, d.found.Stale[path], "remove what an interrupted write left: "+filepath.Base(path)))
	}
	return steps
}

func (d *draft) remove(path string, c Content, text string) Step {
	return Step{Op: OpSweep, Path: path, Bytes: d.round(c.Size), Text: text + ", " + size(c.Size)}
}

// needed: by an entry that is to be, by one that stays, by a foreign one.
func (d *draft) needed(name string) bool {
	for _, it := range d.items {
		if slices.ContainsFunc(it.files, func(f file) bool { return f.name == name }) {
			return true
		}
	}
	return d.mentioned(name, func(o Own) bool { return d.keep[o.File] })
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

// garbage splits off the steps of sweep that need not wait: nothing on disk
// mentions those files even now.
func (d *draft) garbage() (now, later []Step) {
	for _, step := range d.Steps {
		name := strings.ToLower(filepath.Base(step.Path))
		if step.Op == OpSweep && !d.mentioned(name, func(Own) bool { return true }) {
			now = append(now, step)
		} else {
			later = append(later, step)
		}
	}
	return now, later
}
