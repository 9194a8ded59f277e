package tree

import "moss/store/stone"

// Diff is what a second tree has that a first has not, and the other way round;
// Changed lists paths that both have with another kind, mode, owner, content,
// link text or xattrs.
type Diff struct{ Added, Removed, Changed []string }

// Compare walks two sorted trees side by side, once.
func Compare(from, to *Tree) Diff {
	var d Diff
	a, b := from.Entries, to.Entries
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].Path < b[0].Path:
			d.Removed, a = append(d.Removed, a[0].Path), a[1:]
		case len(a) == 0 || b[0].Path < a[0].Path:
			d.Added, b = append(d.Added, b[0].Path), b[1:]
		default:
			if !same(a[0].Layout, b[0].Layout) {
				d.Changed = append(d.Changed, a[0].Path)
			}
			a, b = a[1:], b[1:]
		}
	}
	return d
}

func same(a, b stone.Layout) bool {
	return a.Mode == b.Mode && a.UID == b.UID && a.GID == b.GID && a.Hash == b.Hash &&
		a.Target == b.Target && equalXattrs(a.Xattrs, b.Xattrs)
}
