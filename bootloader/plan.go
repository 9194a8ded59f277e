package bootloader

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// maxRounds bounds how often a plan goes on from where it would end. Three do:
// one that makes room, one that uses what it left, one that finds nothing to do.
const maxRounds = 4

// MakePlan compares the wanted menu with what is there. It reads nothing but its
// arguments and touches nothing.
//
// When $BOOT cannot take everything, rubbish goes before the new files come, then
// the entries that go anyway, then whole states' entries (Plan.Shrunk): all that are
// known to fail first, then those that had none yet, then the oldest, only as many
// as needed, and never the live, the booted, the default, the last good, the
// pinned, the newest one that may work and the one that the next boot is to start.
// So a plan that is made again on what it led to adds states at most. It fails with
// a SpaceError when even that does not do, and with a ReadOnlyError when there is
// anything to do on a read-only $BOOT. A menu that would be empty takes no entry away: an old entry
// boots more often than none.
func MakePlan(w Want, f Found) (Plan, error) {
	if err := f.fits(w); err != nil {
		return Plan{}, err
	}
	items, err := w.menu(f)
	if err != nil {
		return Plan{}, err
	}
	if w.Default != 0 && !slices.ContainsFunc(items, func(it item) bool { return it.state == w.Default }) {
		return Plan{}, fmt.Errorf("make state %d the default: it has no entry", w.Default)
	}
	p := Plan{Boot: f.Boot, Have: f.Space.Free}
	now, err := p.rounds(w, f, items)
	if err != nil {
		return Plan{}, err
	}
	if err := p.checkDisks(f); err != nil {
		return Plan{}, err
	}
	p.Shrunk = missing(w, now)
	first, last := w.variables(f, now)
	p.Steps = slices.Concat(first, p.Steps, last)
	return p, nil
}

func (f Found) fits(w Want) error {
	if err := w.check(); err != nil {
		return err
	}
	if f.Layout != "" && f.Layout != layout {
		return &LayoutError{Entries: f.Entries, Marker: f.Marker, Layout: f.Layout}
	}
	if f.Token != w.Token {
		return fmt.Errorf("plan menu of %q: $BOOT was scanned for %q", w.Token, f.Token)
	}
	if !f.hashed {
		return fmt.Errorf("plan menu of %q: the files of $BOOT were not hashed", w.Token)
	}
	return nil
}

const layout = "type1"

// rounds plans, and plans again from what that would leave: room that is there
// only at the end of one round is used in the next, so that a second sync has
// nothing to do. It returns $BOOT as it is to be.
func (p *Plan) rounds(w Want, f Found, items []item) (Found, error) {
	spent := int64(0)
	for range maxRounds {
		d, err := squeeze(w, f, items)
		if err != nil {
			return f, err
		}
		if len(d.Steps) == 0 {
			break
		}
		p.sync()
		p.Steps = append(p.Steps, d.Steps...)
		p.Need = uint64(max(int64(p.Need), spent+d.book.peak))
		spent += d.book.used
		f = f.after(d.Steps, d.book.used)
	}
	return f, nil
}

// missing lists the states that should be in the menu and are not.
func missing(w Want, f Found) []uint64 {
	var ids []uint64
	for _, s := range w.kept() {
		if !slices.ContainsFunc(f.Ours, func(o Own) bool { return o.State == s.ID }) {
			ids = append(ids, s.ID)
		}
	}
	return ids
}

// checkDisks: an error of the disk must not wait for the first write. Variables
// are not on it.
func (p *Plan) checkDisks(f Found) error {
	for _, step := range p.Steps {
		if step.Op == OpConfig && f.Boot.ESP != f.Boot.Dir {
			// The temporary file, and the folder that grows by its name.
			need := f.ESPSpace.Round(uint64(len(step.Data))) + f.ESPSpace.Round(1)
			if f.ESPSpace.ReadOnly {
				return &ReadOnlyError{Dir: f.Boot.ESP}
			}
			if need > f.ESPSpace.Free {
				return &SpaceError{Dir: f.Boot.ESP, Need: need, Have: f.ESPSpace.Free}
			}
		} else if f.Space.ReadOnly {
			return &ReadOnlyError{Dir: f.Boot.Dir}
		}
	}
	return nil
}

// sync comes only after a change.
func (p *Plan) sync() {
	if n := len(p.Steps); n > 0 && p.Steps[n-1].Op != OpSync {
		p.add(OpSync, p.Boot.Dir, "write out "+p.Boot.Dir)
	}
}

// draft is the plan of one round.
type draft struct {
	Plan
	want  Want
	found Found
	items []item
	urgency
	// stays are the entries of which the text stays as it is.
	stays map[string]bool
	// drop are entries that go, twins those of them beside which another file of
	// the same entry stays.
	drop  []Own
	twins map[string]bool
	book  ledger
}

// urgency says what is done to need less space.
type urgency struct {
	// rubbish: what nothing mentions goes first. early: so do entries that go
	// anyway, with their files. lean: what is only nicer to read is left.
	rubbish, early, lean bool
	// without are states that get no entry.
	without []uint64
}

func draw(w Want, f Found, items []item, u urgency) *draft {
	items = without(items, func(it item) bool { return it.state != 0 && slices.Contains(u.without, it.state) })
	d := &draft{want: w, found: f, items: items, urgency: u, Plan: Plan{Boot: f.Boot}, stays: map[string]bool{}, twins: map[string]bool{}}
	writes, last := d.compare()
	early, late := d.whoGoesFirst()
	d.makeRoom(early)
	d.copies()
	d.sync()
	config, first := d.config()
	if first {
		writes, config = append(config, writes...), nil
	}
	d.Steps = append(d.Steps, writes...)
	d.drops(late)
	if last = append(config, last...); len(last) > 0 && len(late) > 0 {
		d.sync() // an entry that came back might be newer
	}
	d.Steps = append(d.Steps, last...)
	d.sync()
	d.sweep(func(string) bool { return true })
	d.addFolders()
	d.book = d.account()
	return d
}

// makeRoom takes away what may go before anything new comes.
func (d *draft) makeRoom(early []Own) {
	if d.rubbish {
		d.sweep(func(name string) bool { return !d.mentioned(name, func(Own) bool { return true }) })
		d.sync()
	}
	if len(early) > 0 {
		d.drops(early)
		d.sync()
		d.sweep(func(name string) bool {
			return !d.mentioned(name, func(o Own) bool { return !slices.ContainsFunc(early, func(e Own) bool { return e.File == o.File }) })
		})
		d.sync()
	}
}

func (d *draft) entryPath(file string) string { return filepath.Join(d.found.Entries, file) }

func (d *draft) round(n uint64) uint64 { return d.found.Space.Round(n) }

func (d *draft) drops(list []Own) {
	for _, old := range list {
		what := fmt.Sprintf("of state %d", old.State)
		if old.Rescue {
			what = "for rescue"
		}
		d.add(OpDrop, d.entryPath(old.File), fmt.Sprintf("remove entry %s %s", old.File, what)).Bytes = d.round(uint64(len(old.Data)))
	}
}

// addFolders makes those that something is about to be written to; the marker
// only together with the folder of entries, for an older one belongs to whoever
// made it.
func (d *draft) addFolders() {
	var steps []Step
	for _, dir := range d.found.Absent {
		if !slices.ContainsFunc(d.Steps, func(s Step) bool { return strings.HasPrefix(s.Path, dir+"/") }) {
			continue
		}
		if dir == d.found.Entries && d.found.Layout == "" {
			steps = append(steps, Step{Op: OpMarker, Path: d.found.Marker, Data: []byte(layout + "\n"), Bytes: d.round(1), Text: "write " + d.found.Marker})
		}
		steps = append(steps, Step{Op: OpFolder, Path: dir, Bytes: d.round(1), Text: "make folder " + dir})
	}
	// After what makes room for them.
	at := slices.IndexFunc(d.Steps, func(s Step) bool { return s.Op == OpCopy || s.Op == OpEntry || s.Op == OpConfig })
	d.Steps = slices.Insert(d.Steps, max(at, 0), steps...)
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

// without leaves out of a list, and changes neither it nor its memory.
func without[T any](list []T, out func(T) bool) []T {
	return slices.DeleteFunc(slices.Clone(list), out)
}

func choose[T any](list []T, keep func(T) bool) []T {
	return without(list, func(t T) bool { return !keep(t) })
}
