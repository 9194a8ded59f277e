package bootloader

import (
	"bytes"
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"moss/bootloader/bls"
)

// MakePlan compares the wanted menu with what is there. It reads nothing but its
// arguments and touches nothing.
//
// It fails with a SpaceError when $BOOT cannot take the files beside those it
// holds, and with a ReadOnlyError when there is anything to do on a read-only
// one. A menu that would be empty takes no entry away: an old entry boots more
// often than none.
func MakePlan(w Want, f Found) (Plan, error) {
	if err := w.check(); err != nil {
		return Plan{}, err
	}
	if f.Layout != "" && f.Layout != "type1" {
		return Plan{}, fmt.Errorf("use %s: %s says that its entries are of another kind: %q", f.Entries, f.Marker, f.Layout)
	}
	if f.Token != w.Token {
		return Plan{}, fmt.Errorf("plan menu of %q: $BOOT was scanned for %q", w.Token, f.Token)
	}
	if !f.hashed {
		return Plan{}, fmt.Errorf("plan menu of %q: the files of $BOOT were not hashed", w.Token)
	}
	items, err := w.menu()
	if err != nil {
		return Plan{}, err
	}
	d := draft{want: w, found: f, items: items, Plan: Plan{Boot: f.Boot, Have: f.Space.Free}}
	if err := d.draw(); err != nil {
		return Plan{}, err
	}
	return d.Plan, nil
}

// draft is a plan in the making.
type draft struct {
	Plan
	want  Want
	found Found
	items []item
	// keep has the file names of entries that stay as they are.
	keep map[string]bool
	// drop are entries that go.
	drop []Own
}

func (d *draft) draw() error {
	writes := d.compare()
	d.copies()
	d.sync()
	d.Steps = append(d.Steps, writes...)
	if err := d.config(); err != nil {
		return err
	}
	for _, old := range d.drop {
		d.add(OpDrop, d.entryPath(old.File), fmt.Sprintf("remove entry %s of state %d", old.File, old.State)).Bytes = d.round(uint64(len(old.Data)))
	}
	d.sync()
	d.Steps = slices.Concat(d.folders(), d.Steps, d.sweep())
	return d.fit()
}

func (d *draft) entryPath(file string) string { return filepath.Join(d.found.Entries, file) }

func (d *draft) round(n uint64) uint64 { return d.found.Space.Round(n) }

// sync comes only after a change.
func (d *draft) sync() {
	if n := len(d.Steps); n > 0 && d.Steps[n-1].Op != OpSync {
		d.add(OpSync, d.found.Boot.Dir, "write out "+d.found.Boot.Dir)
	}
}

// compare decides about every entry of ours: it stays, it is written, it goes.
// It returns the steps that write.
func (d *draft) compare() []Step {
	d.keep = map[string]bool{}
	var writes []Step
	rest := d.found.Ours
	for _, it := range d.items {
		twins := choose(rest, func(o Own) bool { return o.Name.Stem == it.stem })
		rest = choose(rest, func(o Own) bool { return o.Name.Stem != it.stem })
		name, same := d.pick(it, twins)
		if !same {
			writes = append(writes, Step{
				Op: OpEntry, Path: d.entryPath(name), Data: it.data, Bytes: d.round(uint64(len(it.data))),
				Text: fmt.Sprintf("write entry %s of state %d", name, it.state),
			})
		}
		d.keep[name] = same
		d.drop = append(d.drop, choose(twins, func(o Own) bool { return o.File != name })...)
	}
	for _, old := range rest {
		if old.State == d.want.Booted || len(d.items) == 0 {
			d.keep[old.File] = true
		} else {
			d.drop = append(d.drop, old)
		}
	}
	return writes
}

// pick finds the file that an item has or gets. One that holds the right text
// keeps its name and with it the counter: one without a counter has proved
// itself, then the more tries left the better.
func (d *draft) pick(it item, twins []Own) (name string, same bool) {
	equal := choose(twins, func(o Own) bool { return bytes.Equal(o.Data, it.data) })
	if len(equal) > 0 {
		return slices.MinFunc(equal, func(a, b Own) int { return compareTrust(a.Name, b.Name) }).File, true
	}
	name = bls.Name{Stem: it.stem, Counted: d.want.Tries > 0, Left: d.want.Tries}.File()
	for _, o := range twins {
		// On FAT these two are one file: it must not be dropped after it was
		// written.
		if strings.EqualFold(o.File, name) {
			return o.File, false
		}
	}
	return name, false
}

func compareTrust(a, b bls.Name) int {
	switch {
	case a.Counted && b.Counted:
		return cmp.Compare(b.Left, a.Left)
	case a.Counted:
		return 1
	case b.Counted:
		return -1
	}
	return 0
}

func choose[T any](list []T, keep func(T) bool) []T {
	return slices.DeleteFunc(slices.Clone(list), func(t T) bool { return !keep(t) })
}

// folders makes those that something is about to be written to; the marker only
// together with the folder of entries, for an older one belongs to whoever made
// it.
func (d *draft) folders() []Step {
	var steps []Step
	for _, dir := range d.found.Absent {
		if !slices.ContainsFunc(d.Steps, func(s Step) bool { return strings.HasPrefix(s.Path, dir+"/") }) {
			continue
		}
		if dir == d.found.Entries && d.found.Layout == "" {
			steps = append(steps, Step{Op: OpMarker, Path: d.found.Marker, Data: []byte("type1\n"), Bytes: d.round(1), Text: "write " + d.found.Marker})
		}
		steps = append(steps, Step{Op: OpFolder, Path: dir, Bytes: d.round(1), Text: "make folder " + dir})
	}
	return steps
}

// copies brings the files that are absent or damaged, each once.
func (d *draft) copies() {
	planned := map[string]bool{}
	for _, it := range d.items {
		for _, need := range it.files {
			path := d.filePath(need.name)
			if planned[path] || d.found.Files[path] == need.content {
				continue
			}
			planned[path] = true
			verb := "copy "
			if _, ok := d.found.Files[path]; ok {
				verb = "replace damaged "
			}
			step := d.add(OpCopy, path, fmt.Sprintf("%s%s, %s", verb, need.what, size(need.content.Size)))
			step.Source, step.Content, step.Bytes = need.source, need.content, d.round(need.content.Size)
		}
	}
}

// filePath is where a file of ours is, in the spelling on disk.
func (d *draft) filePath(name string) string {
	want := filepath.Join(d.found.Folder, name)
	for path := range d.found.Files {
		if strings.EqualFold(path, want) {
			return path
		}
	}
	return want
}
