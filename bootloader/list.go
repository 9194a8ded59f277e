package bootloader

import (
	"cmp"
	"slices"
	"strings"

	"moss/bootloader/bls"
)

// Item is one entry of the menu as it is shown to a person or a script.
type Item struct {
	// State is 0 for a foreign entry and for the rescue entry.
	State   uint64 `json:"state"`
	File    string `json:"file"`
	Title   string `json:"title"`
	Kernel  string `json:"kernel"`
	Machine string `json:"machine"`
	SortKey string `json:"sort_key"`
	Version string `json:"version"`
	// TriesLeft and TriesDone are nil for an entry without boot counters.
	TriesLeft *uint `json:"tries_left"`
	TriesDone *uint `json:"tries_done"`
	// Bad: no tries left. Default: what the loader starts by itself when no
	// one-shot is set. OneShot: what it starts next time only.
	Bad     bool `json:"bad"`
	Default bool `json:"default"`
	Booted  bool `json:"booted"`
	OneShot bool `json:"oneshot"`
	Pinned  bool `json:"pinned"`
	Foreign bool `json:"foreign"`
	// Rescue: the entry is ours and starts no state but a shell.
	Rescue bool `json:"rescue,omitempty"`
	// Hidden says why the loader does not show the entry; Missing lists files
	// without which it cannot start it.
	Hidden  string   `json:"hidden,omitempty"`
	Missing []string `json:"missing,omitempty"`
}

// Marks is what $BOOT itself cannot know.
type Marks struct {
	// Booted is the state of the running kernel and Kernel its release. With a
	// kernel given, of several entries of the state only its own is the booted
	// one.
	Booted uint64
	Kernel string
	Pinned []uint64
}

// List is the menu in the order of the loader; entries that it hides come last.
// It is empty, not nil, without any.
func List(f Found, m Marks) []Item {
	items := []Item{}
	for _, own := range f.sorted() {
		it := describe(own.Raw)
		it.State, it.Rescue, it.Foreign = own.State, own.Rescue, own.State == 0 && !own.Rescue
		if it.State != 0 {
			_, it.Kernel, _ = strings.Cut(own.Entry.Version, "-")
			it.Booted = it.State == m.Booted && (m.Kernel == "" || m.Kernel == it.Kernel)
			it.Pinned = slices.Contains(m.Pinned, it.State)
		}
		items = append(items, it)
	}
	f.markChoices(items)
	return items
}

// sorted is every entry in the loader's order, foreign ones with state 0.
func (f Found) sorted() []Own {
	all := slices.Clone(f.Ours)
	for _, raw := range f.Foreign {
		all = append(all, Own{Raw: raw})
	}
	loader := f.Loader()
	hidden := func(o Own) int { return min(len(o.Entry.Hidden), 1) + 2*min(len(errorText(o.Err)), 1) }
	slices.SortStableFunc(all, func(a, b Own) int {
		return cmp.Or(cmp.Compare(hidden(a), hidden(b)), loader.Compare(a.Entry, b.Entry))
	})
	return all
}

// markChoices marks what the loader starts next time and what it starts after
// that; each is one entry.
func (f Found) markChoices(items []Item) {
	index := func(c Choice) int {
		return slices.IndexFunc(items, func(it Item) bool { return it.File == c.File && it.State == c.State })
	}
	if next := f.Next(); next.Why == bls.ByOneShot && next.File != "" {
		items[index(next)].OneShot = true
	}
	if usual := f.Usual(); usual.File != "" {
		items[index(usual)].Default = true
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func describe(raw bls.Raw) Item {
	e := raw.Entry
	it := Item{
		File: raw.File, Title: e.Title, Machine: e.MachineID, SortKey: e.SortKey, Version: e.Version,
		Bad: e.Name.Bad(), Hidden: e.Hidden, Missing: e.Missing,
	}
	if raw.Err != nil {
		it.Hidden = raw.Err.Error()
	}
	if e.Name.Counted {
		it.TriesLeft, it.TriesDone = &e.Name.Left, &e.Name.Done
	}
	return it
}
