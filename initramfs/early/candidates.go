package early

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"moss/store/activate"
)

// candidates are what can be fallen back to, each list best first.
type candidates struct {
	// menu has the entries of the boot menu.
	menu []menuEntry
	// first are the states before the wanted one that are in the menu, the newest
	// first: they have been chosen to be booted before. rest is every other one
	// that is there, the wanted one not.
	first, rest []activate.ID
}

func (c *choice) candidates() candidates {
	there := c.present()
	var found candidates
	offered := there
	menu, err := readMenu(filepath.Join(c.states.Dir(), ".moss/boot/menu"))
	switch {
	case err == nil:
		found.menu = menu
		offered = nil
		for _, e := range menu {
			offered = append(offered, e.state)
		}
	case !errors.Is(err, fs.ErrNotExist):
		c.warn("the list of menu entries could not be read: %v", err)
	}
	before := cmp.Or(c.outcome.Wanted, math.MaxUint64)
	activate.NewestFirst(offered)
	for _, id := range offered {
		if id < before && !slices.Contains(found.first, id) {
			found.first = append(found.first, id)
		}
	}
	for _, id := range there {
		if id != c.outcome.Wanted && !slices.Contains(found.first, id) {
			found.rest = append(found.rest, id)
		}
	}
	return found
}

// others are the entries of these states for another kernel, in their order.
func (found candidates) others(kernel string, ids []activate.ID) (entries []menuEntry) {
	for _, id := range ids {
		for _, e := range found.menu {
			if e.state == id && e.kernel != "" && e.kernel != kernel {
				entries = append(entries, e)
			}
		}
	}
	return entries
}

// present is every sealed state, the live one included, newest first. Those that a
// damaged disk does not show are no reason to give up the others.
func (c *choice) present() []activate.ID {
	ids, err := c.states.Archived()
	if err != nil {
		c.warn("some states could not be looked at: %v", err)
	}
	if live, err := activate.LiveID(c.states.Usr()); err == nil && !slices.Contains(ids, live) {
		ids = append(ids, live)
	}
	activate.NewestFirst(ids)
	return ids
}

// menuEntry is an entry of the boot menu, as the running system told of it.
type menuEntry struct {
	state  activate.ID
	kernel string // "" when it is not told
	// once is what LoaderEntryOneShot has to be for the loader to start it, file
	// its name below loader/entries; "" in lists that are older than these words.
	once, file string
}

// maxMenu bounds the menu file, in bytes; it has a short line for each of a
// handful of entries.
const maxMenu = 64 << 10

// readMenu reads lines of "<id> <kernel version> <one-shot> <file>". Other lines
// are passed over, and so are more words: a newer moss may write more.
func readMenu(path string) ([]menuEntry, error) {
	text, err := readBounded(path, maxMenu)
	if err != nil {
		return nil, err
	}
	var entries []menuEntry
	for line := range strings.Lines(text) {
		words := append(strings.Fields(line), "", "", "", "")
		id, err := activate.ParseID(words[0])
		e := menuEntry{id, words[1], words[2], words[3]}
		if err == nil && !slices.Contains(entries, e) {
			entries = append(entries, e)
		}
	}
	return entries, nil
}

func readBounded(path string, most int64) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most))
	return string(text), err
}
