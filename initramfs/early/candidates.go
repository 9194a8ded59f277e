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

// candidates lists the states to fall back to, best first: the earlier ones of
// the boot menu from the newest on, for they have been chosen to be booted
// before, then everything else that is there, newest first.
func (c *choice) candidates() ([]activate.ID, error) {
	there, err := c.present()
	if err != nil {
		return nil, err
	}
	menu, err := readMenu(filepath.Join(c.states.Dir(), ".moss/boot/menu"))
	if errors.Is(err, fs.ErrNotExist) {
		menu = there
	} else if err != nil {
		c.warn("the list of menu entries could not be read: %v", err)
		menu = there
	}
	before := cmp.Or(c.outcome.Wanted, math.MaxUint64)
	newest := func(a, b activate.ID) int { return cmp.Compare(b, a) }
	first := slices.SortedFunc(slices.Values(menu), newest)
	first = slices.DeleteFunc(first, func(id activate.ID) bool { return id >= before })
	var ids []activate.ID
	for _, id := range append(first, there...) {
		if c.tried[id] == nil && id != c.outcome.Wanted && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// present is every sealed state, the live one included, newest first.
func (c *choice) present() ([]activate.ID, error) {
	ids, err := c.states.Archived()
	if err != nil {
		return nil, err
	}
	if live, err := activate.LiveID(c.states.Usr()); err == nil && !slices.Contains(ids, live) {
		ids = append(ids, live)
	}
	slices.SortFunc(ids, func(a, b activate.ID) int { return cmp.Compare(b, a) })
	return ids, nil
}

// maxMenu bounds the menu file, in bytes; it has a short line for each of a
// handful of entries.
const maxMenu = 64 << 10

// readMenu reads the states of "<id> <kernel version>" lines. Other lines are
// passed over: a newer moss may write more.
func readMenu(path string) ([]activate.ID, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxMenu))
	if err != nil {
		return nil, err
	}
	var ids []activate.ID
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if id, err := activate.ParseID(words[0]); err == nil && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}
