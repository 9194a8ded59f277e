package pack

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"

	"golang.org/x/sys/unix"

	"moss/store/stone"
	"moss/store/tree"
)

// plan collects the layouts of one package under their final paths.
type plan struct {
	at     map[string]planned
	filled map[string]bool // folders that are known to have something in them
}

type planned struct {
	stone.Layout
	from string // the path's name in the input
}

func newPlan() *plan {
	return &plan{at: map[string]planned{}, filled: map[string]bool{}}
}

// add takes a layout that the input has under the name from. Two inputs may go
// to one path (/lib/x and /usr/lib/x) if they are the same in everything.
func (p *plan) add(label, from string, l stone.Layout) error {
	for up := path.Dir(l.Path); !p.filled[up]; up = path.Dir(up) {
		p.filled[up] = true
	}
	sortXattrs(l.Xattrs)
	old, taken := p.at[l.Path]
	if taken && !same(old.Layout, l) {
		return refused(label, from, "it goes to /usr/%s, where %q goes too with other content, mode or owner", l.Path, old.from)
	}
	if !taken {
		p.at[l.Path] = planned{l, from}
	}
	return nil
}

func sortXattrs(all []stone.Xattr) {
	slices.SortFunc(all, func(a, b stone.Xattr) int { return cmp.Compare(a.Name, b.Name) })
}

func same(a, b stone.Layout) bool {
	return a.Mode == b.Mode && a.UID == b.UID && a.GID == b.GID && a.Hash == b.Hash && a.Target == b.Target &&
		slices.EqualFunc(a.Xattrs, b.Xattrs, func(x, y stone.Xattr) bool {
			return x.Name == y.Name && slices.Equal(x.Value, y.Value)
		})
}

// implied folders are not written: readers make the parents of every path with
// mode 0755 for root, and the format's other writers leave them out as well.
func (p *plan) implied(l stone.Layout) bool {
	return l.IsDir() && p.filled[l.Path] && l.Mode == unix.S_IFDIR|0o755 && l.UID == 0 && l.GID == 0 && len(l.Xattrs) == 0
}

// layouts is the finished list, sorted by path, after the same check that every
// reader of ours makes: what we write must be what we would install.
func (p *plan) layouts(label string) ([]stone.Layout, error) {
	own := tree.Package{Name: label}
	var all []stone.Layout
	for _, name := range slices.Sorted(maps.Keys(p.at)) {
		l := p.at[name].Layout
		own.Entries = append(own.Entries, tree.Entry{Layout: l})
		if !p.implied(l) {
			all = append(all, l)
		}
	}
	if _, err := tree.Build([]tree.Package{own}); err != nil {
		return nil, fmt.Errorf("check paths: %w", err)
	}
	return all, nil
}
