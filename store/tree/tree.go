// Package tree plans a state's /usr in memory: the layouts of all selected
// packages merged into one sorted list, every conflict found before a byte is
// written.
package tree

import (
	"cmp"
	"fmt"
	"path"
	"slices"

	"golang.org/x/sys/unix"

	"moss/store/stone"
)

// Entry is one path of a planned tree. Paths are relative to /usr.
type Entry struct {
	stone.Layout
	Size  int64 // bytes of a regular file, else 0
	Owner int   // index into Tree.Packages; Implied for a parent no package names
}

// Implied is the owner of a folder that is there only because something is in it.
const Implied = -1

// Tree is a planned or recorded state: entries sorted by path, so that a folder
// stands before what is in it.
type Tree struct {
	Packages []string // package ids, in the order that Owner counts
	Entries  []Entry
}

// Package is one package's share of a tree.
type Package struct {
	ID      string // names the package in the manifest
	Name    string // names it to a person, in errors
	Entries []Entry
}

// ConflictError names the path that two packages claim differently.
type ConflictError struct{ Path, A, B, Why string }

func (e *ConflictError) Error() string {
	return fmt.Sprintf("path /usr/%s is in both %s and %s: %s", e.Path, e.A, e.B, e.Why)
}

// Hint says how to get out.
func (e *ConflictError) Hint() string { return "install only one of the two" }

// Build merges packages. Folders may be shared when mode, owner and xattrs
// agree; everything else belongs to one package. Parents that no package names
// are added as 0755 root folders, as the stone format implies.
func Build(packages []Package) (*Tree, error) {
	b := builder{packages: packages, at: map[string]Entry{}}
	t := &Tree{}
	for i, p := range packages {
		t.Packages = append(t.Packages, p.ID)
		for _, e := range p.Entries {
			e.Owner = i
			if err := b.add(e); err != nil {
				return nil, err
			}
		}
	}
	if err := b.parents(); err != nil {
		return nil, err
	}
	for _, e := range b.at {
		t.Entries = append(t.Entries, e)
	}
	slices.SortFunc(t.Entries, func(x, y Entry) int { return cmp.Compare(x.Path, y.Path) })
	return t, nil
}

type builder struct {
	packages []Package
	at       map[string]Entry
}

func (b *builder) name(owner int) string {
	if owner == Implied {
		return "a package's own folders"
	}
	return b.packages[owner].Name
}

func (b *builder) add(e Entry) error {
	why := pathFault(e.Path)
	if why == "" {
		why = kindFault(e.Mode)
	}
	if why != "" {
		return &PathError{Package: b.name(e.Owner), Path: e.Path, Why: why}
	}
	old, taken := b.at[e.Path]
	if !taken {
		b.at[e.Path] = e
		return nil
	}
	if why := clash(old, e); why != "" {
		return &ConflictError{Path: e.Path, A: b.name(old.Owner), B: b.name(e.Owner), Why: why}
	}
	return nil
}

func kindFault(mode uint32) string {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG, unix.S_IFDIR, unix.S_IFLNK:
		return ""
	case unix.S_IFCHR, unix.S_IFBLK:
		return "a device node"
	case unix.S_IFIFO:
		return "a fifo"
	case unix.S_IFSOCK:
		return "a socket"
	}
	return fmt.Sprintf("unknown file kind (mode %#o)", mode)
}

func clash(a, b Entry) string {
	switch {
	case !a.IsDir() || !b.IsDir():
		return "only folders can be shared"
	case a.Mode != b.Mode || a.UID != b.UID || a.GID != b.GID:
		return fmt.Sprintf("as folder with mode %04o owner %d:%d and with mode %04o owner %d:%d",
			a.Mode&0o7777, a.UID, a.GID, b.Mode&0o7777, b.UID, b.GID)
	case !equalXattrs(a.Xattrs, b.Xattrs):
		return "as folders with different extended attributes"
	}
	return ""
}

// parents fills in the folders above every path and refuses a path that would
// go through something else: through a symlink it would land where the package
// did not say.
func (b *builder) parents() error {
	for _, e := range b.sorted() {
		for up := path.Dir(e.Path); up != "."; up = path.Dir(up) {
			parent, known := b.at[up]
			if !known {
				dir := stone.Layout{Path: up, Mode: unix.S_IFDIR | 0o755}
				b.at[up] = Entry{Layout: dir, Owner: Implied}
				continue
			}
			if !parent.IsDir() {
				return &PathError{Package: b.name(e.Owner), Path: e.Path,
					Why: fmt.Sprintf("goes through %s /usr/%s of %s", kindName(parent), up, b.name(parent.Owner))}
			}
			if parent.Owner == Implied {
				break // whoever added it has walked the rest of the way up
			}
		}
	}
	return nil
}

// sorted lists what the packages named, so that of several faults the same one
// is reported each time.
func (b *builder) sorted() []Entry {
	var all []Entry
	for _, e := range b.at {
		all = append(all, e)
	}
	slices.SortFunc(all, func(x, y Entry) int { return cmp.Compare(x.Path, y.Path) })
	return all
}

func kindName(e Entry) string {
	if e.IsSymlink() {
		return "symlink"
	}
	return "file"
}

func equalXattrs(a, b []stone.Xattr) bool {
	return slices.EqualFunc(a, b, func(x, y stone.Xattr) bool {
		return x.Name == y.Name && slices.Equal(x.Value, y.Value)
	})
}

// Own is a package's own paths, sorted, without the folders it only implies:
// what is recorded of a package, from which any state can be built again.
func Own(p Package) *Tree {
	t := &Tree{Packages: []string{p.ID}, Entries: slices.Clone(p.Entries)}
	slices.SortStableFunc(t.Entries, func(x, y Entry) int { return cmp.Compare(x.Path, y.Path) })
	return t
}
