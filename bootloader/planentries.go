package bootloader

import (
	"bytes"
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"moss/bootloader/bls"
)

// compare decides about every entry of ours: it stays, it is written, it goes.
// What is written comes in an order in which the loader's default is at every cut
// the old one or the new one: what is to be first goes before what is newer. What
// is first now and no longer to be is in last, for after everything else.
func (d *draft) compare() (writes, last []Step) {
	var others, bad []Step
	chosen := d.found.Usual().State
	rest := d.found.Ours
	for _, it := range d.items {
		family := choose(rest, func(o Own) bool { return o.Name.Stem == it.name.Stem })
		rest = without(rest, func(o Own) bool { return o.Name.Stem == it.name.Stem })
		file, like := d.pick(it, family)
		same := like != nil && like.File == file && (bytes.Equal(like.Data, it.data) || d.lean && like.Entry.SortKey == it.entry.SortKey)
		switch step := d.write(file, it.what, it.data); {
		case same:
		case strings.HasPrefix(it.entry.SortKey, firstKey) && it.bad:
			bad = slices.Insert(bad, 0, step)
		case strings.HasPrefix(it.entry.SortKey, firstKey):
			writes = append(writes, step)
		case it.state == chosen && slices.ContainsFunc(family, func(o Own) bool { return o.File == file && o.leads() }):
			last = append(last, step)
		case it.bad:
			bad = append(bad, step)
		default:
			others = append(others, step)
		}
		d.stays[file] = same
		for _, o := range without(family, func(o Own) bool { return o.File == file }) {
			d.drop = append(d.drop, o)
			d.twins[o.File] = like != nil && o.File != like.File && bootsLike(o.Entry, like.Entry)
		}
	}
	slices.Reverse(last)
	for _, old := range d.retire(rest) {
		step := d.write(old.File, fmt.Sprintf("of state %d", old.State), old.Data)
		if old.State == chosen {
			last = append(last, step)
		} else {
			others = append(others, step)
		}
	}
	// What the loader would start goes last.
	slices.SortStableFunc(d.drop, func(a, b Own) int {
		return cmp.Or(boolean(a.State == chosen, b.State == chosen), bls.Compare(b.Entry, a.Entry))
	})
	return slices.Concat(writes, others, bad), last
}

func (d *draft) write(file, what string, data []byte) Step {
	return Step{
		Op: OpEntry, Path: d.entryPath(file), Data: data, Bytes: d.round(uint64(len(data))),
		Text: fmt.Sprintf("write entry %s %s", file, what),
	}
}

// retire lets entries go that are not wanted. Those of the booted state stay even
// without it, behind all others; those that are not there yet are returned, with
// their new text.
func (d *draft) retire(rest []Own) []Own {
	var rewrite []Own
	for _, old := range rest {
		switch {
		case len(d.items) == 0:
			d.stays[old.File] = true
		case old.State == 0 || old.State != d.want.Booted:
			d.drop = append(d.drop, old)
		default:
			d.stays[old.File] = true
			harmless := d.lean && !old.leads() && old.State < d.want.first()
			if data := putLast(old); !harmless && !bytes.Equal(data, old.Data) {
				old.Data = data
				rewrite = append(rewrite, old)
			}
		}
	}
	return rewrite
}

// putLast changes the sort key alone, for the rest may be of a later moss.
func putLast(o Own) []byte {
	key := o.Entry.SortKey
	if o.Err != nil || key == "" || strings.HasPrefix(key, lastKey) {
		return o.Data
	}
	return bytes.Replace(o.Data, []byte("\nsort-key "+key+"\n"), []byte("\nsort-key "+lastKey+strings.TrimPrefix(key, firstKey)+"\n"), 1)
}

// pick finds the file that an item has or gets. One that boots the same keeps its
// name and with it the counter, whatever it is called in the menu: one without a
// counter has proved itself, then the more tries left the better. It is nil when
// there is none: then the entry is a new one.
//
// One of a state that is known to fail gives its name up for one without tries,
// as Bless has it: the new name is written as if it were a new entry, and what
// had the old one is like, and goes.
func (d *draft) pick(it item, family []Own) (file string, like *Own) {
	alike := choose(family, func(o Own) bool { return o.Err == nil && bootsLike(o.Entry, it.entry) })
	name := it.name
	if len(alike) > 0 {
		best := slices.MinFunc(alike, func(a, b Own) int {
			return cmp.Or(boolean(it.bad && !a.Name.Bad(), it.bad && !b.Name.Bad()), compareTrust(a.Name, b.Name), boolean(!bytes.Equal(a.Data, it.data), !bytes.Equal(b.Data, it.data)))
		})
		if !it.bad || best.Name.Bad() || d.lean && !best.leads() && it.state < d.want.first() {
			return best.File, &best
		}
		name.Done, like = best.Name.Done, &best
	}
	file = name.File()
	for _, o := range family {
		// On FAT these two are one file: it must not be dropped after it was
		// written.
		if strings.EqualFold(o.File, file) {
			return o.File, like
		}
	}
	return file, like
}

// bootsLike: the same kernel, initrds and arguments.
func bootsLike(a, b bls.Entry) bool {
	return a.EFI == b.EFI && a.Architecture == b.Architecture && slices.Equal(a.Files(), b.Files()) && slices.Equal(a.Options, b.Options)
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

func boolean(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// whoGoesFirst splits the entries that go into those that may do so before
// anything new is there, and the others: what a wanted state has stays until its
// new entries are written, but for twins, and as long as nothing else would boot,
// so does the entry that the loader would start.
func (d *draft) whoGoesFirst() (early, late []Own) {
	if !d.early {
		return nil, d.drop
	}
	for _, old := range d.drop {
		wanted := slices.ContainsFunc(d.items, func(it item) bool { return it.state == old.State })
		if wanted && !d.twins[old.File] {
			late = append(late, old)
		} else {
			early = append(early, old)
		}
	}
	if last, ok := d.found.lastOf(early); ok {
		early = without(early, func(o Own) bool { return o.File == last.File })
		late = append(late, last)
	}
	return early, late
}

// lastOf is the best complete entry among those that go, if no other is complete.
func (f Found) lastOf(going []Own) (Own, bool) {
	genuine := f.genuine()
	complete := choose(f.Ours, func(o Own) bool {
		return o.Err == nil && o.State != 0 && !slices.ContainsFunc(o.Entry.Files(), func(file string) bool { return !genuine[strings.ToLower(file)] })
	})
	stay := without(complete, func(o Own) bool {
		return slices.ContainsFunc(going, func(g Own) bool { return g.File == o.File })
	})
	if len(complete) == 0 || len(stay) > 0 {
		return Own{}, false
	}
	return slices.MinFunc(complete, func(a, b Own) int { return bls.Compare(a.Entry, b.Entry) }), true
}

// genuine has our files that hold what their names say, as an entry names them.
func (f Found) genuine() map[string]bool {
	files := map[string]bool{}
	for at, content := range f.Files {
		name := strings.ToLower(path.Base(at))
		files["/"+folderName(f.Token)+"/"+name] = len(content.Hash) >= 32 && strings.HasPrefix(name, content.Hash[:32])
	}
	return files
}
