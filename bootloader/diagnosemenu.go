package bootloader

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"moss/bootloader/bls"
)

// whole: the entry is one, and all of its files are there in their size.
func (d *diagnosis) whole(own Own) bool {
	return own.Err == nil && own.State != 0 && own.Entry.Hidden == "" && len(d.lacks(own)) == 0
}

// lacks are the files of an entry that are not there, or not in their size.
func (d *diagnosis) lacks(own Own) []string {
	missing := slices.Clone(own.Entry.Missing)
	if file, ok := strings.CutPrefix(own.Entry.Hidden, "no file "); ok {
		missing = append(missing, file)
	}
	for _, file := range own.Entry.Files() {
		if content, want := d.content(file); content.Size != want {
			missing = append(missing, file)
		}
	}
	return missing
}

// content is what is on $BOOT of a file of ours, and the size that it should
// have. A file that is empty is not as it should be, whatever that is.
func (d *diagnosis) content(file string) (content Content, want uint64) {
	path := filepath.Join(d.f.Boot.Dir, file)
	for have, content := range d.f.Files {
		if !strings.EqualFold(have, path) {
			continue
		}
		if content.Size == 0 {
			return content, 1
		}
		return content, d.wanted(filepath.Base(path), content.Size)
	}
	return Content{}, 0
}

// wanted is the size that a name stands for, or else what is there.
func (d *diagnosis) wanted(name string, have uint64) uint64 {
	if d.m.Want == nil {
		return have
	}
	for _, content := range d.m.Want.Contents {
		if len(content.Hash) == 64 && strings.HasPrefix(strings.ToLower(name), content.Hash[:32]) {
			return content.Size
		}
	}
	return have
}

// complete: something of ours has to start.
func (d *diagnosis) complete() {
	if slices.ContainsFunc(d.f.Ours, d.whole) {
		return
	}
	if d.m.Want != nil && len(d.m.Want.kept()) == 0 || d.m.States == nil && len(d.f.Ours) == 0 {
		return // nothing to start, or nothing known of it
	}
	if len(d.f.Ours) == 0 {
		d.warn("no-entry", syncMenu, "there is no boot entry of ours")
		return
	}
	d.warn("no-entry", syncMenu, "no boot entry of ours is complete: none of them starts")
}

// files that an entry of ours needs.
func (d *diagnosis) files() {
	var all []string
	for _, own := range d.f.Ours {
		all = append(all, d.lacks(own)...)
	}
	slices.Sort(all)
	for _, file := range slices.Compact(all) {
		var states []uint64
		for _, own := range d.f.Ours {
			if slices.Contains(d.lacks(own), file) && !slices.Contains(states, own.State) {
				states = append(states, own.State)
			}
		}
		slices.Sort(states)
		if content, want := d.content(file); content.Size != want {
			d.warn("file-size", syncMenu, "%s of %s is damaged: it has %d bytes", filepath.Base(file), whose(states), content.Size)
		} else {
			d.warn("file-missing", syncMenu, "%s of %s is missing: its entry does not start", filepath.Base(file), whose(states))
		}
	}
}

// damaged entries the loader makes nothing of.
func (d *diagnosis) damaged() {
	for _, own := range d.f.Ours {
		switch {
		case own.Err != nil && len(own.Data) == 0:
			d.warn("entry-empty", syncMenu, "the entry %s is empty: the loader passes over it", own.File)
		case own.Err != nil:
			d.warn("entry-damaged", syncMenu, "the loader passes over an entry of ours: %v", own.Err)
		}
	}
}

// orphans are entries of states that are gone. That of the booted state stays.
func (d *diagnosis) orphans() {
	var gone []uint64
	for _, own := range d.f.Ours {
		if own.State != 0 && own.State != d.m.Booted && d.m.States != nil && !slices.Contains(d.m.States, own.State) && !slices.Contains(gone, own.State) {
			gone = append(gone, own.State)
		}
	}
	if slices.Sort(gone); len(gone) > 0 {
		d.warn("entry-orphan", syncMenu, "the menu offers %s, which is gone: another state would start", whose(gone))
	}
}

// twins are two files of one entry.
func (d *diagnosis) twins() {
	seen := map[string]int{}
	for _, own := range d.f.Ours {
		if seen[own.Name.Stem]++; seen[own.Name.Stem] == 2 {
			d.warn("twin", syncMenu, "the entry %s is there with and without a counter, or with two", own.Name.Stem)
		}
	}
}

// rubbish is what no entry mentions.
func (d *diagnosis) rubbish() {
	mentions := &draft{found: d.f}
	n, bytes := 0, uint64(0)
	count := func(c Content) { n, bytes = n+1, bytes+d.f.Space.Round(c.Size) }
	for path, content := range d.f.Files {
		if !mentions.mentioned(strings.ToLower(filepath.Base(path)), func(Own) bool { return true }) {
			count(content)
		}
	}
	for _, content := range d.f.Stale {
		count(content)
	}
	if n > 0 {
		d.warn("unused-files", syncMenu, "%s of ours that nothing needs: %s", counted(n, "file"), size(bytes))
	}
}

// foreign entries that the loader does not show are their owner's business.
func (d *diagnosis) foreign() {
	names := func(is func(bls.Raw) bool) string {
		var list []string
		for _, raw := range choose(d.f.Foreign, is) {
			list = append(list, raw.File)
		}
		return strings.Join(list, ", ")
	}
	hidden := names(func(raw bls.Raw) bool { return raw.Err != nil || raw.Entry.Hidden != "" })
	if hidden != "" {
		d.warn("foreign-unreadable", "moss-boot list", "the loader shows nothing of these entries of other systems, which does no harm: %s", hidden)
	}
}

// whose names states, or the rescue entry.
func whose(states []uint64) string {
	if len(states) == 1 && states[0] == 0 {
		return "the rescue entry"
	}
	states = without(states, func(id uint64) bool { return id == 0 })
	return "state " + numbers(states)
}

func numbers(ids []uint64) string {
	var words []string
	for _, id := range ids {
		words = append(words, fmt.Sprint(id))
	}
	return strings.Join(words, ", ")
}
