package adopt

import (
	"cmp"
	"fmt"
	"path"
	"slices"

	"golang.org/x/sys/unix"

	"moss/store/state"
	"moss/store/stone"
	"moss/store/tree"
)

// Owner is the name, in manifests, of the owner of what no package brought:
// what triggers wrote and what AerynOS' moss itself puts into a tree.
const Owner = "adopted"

// generated reports whether AerynOS' moss writes a path itself, over whatever a
// package may have there.
func generated(at string) bool { return at == "lib/os-release" || at == "lib/system-model.kdl" }

// writeBits are what AerynOS' moss takes from every file.
const writeBits = 0o222

// judge compares a tree on disk with what it is expected to be, and records it:
// as it is where it is right, as it should be where it is damaged, so that a
// later verify finds the damage and can mend it.
type judge struct {
	id       state.ID
	expected *expected
	digests  *digests
	sizes    func(stone.Hash) int64

	tree     *tree.Tree
	seen     map[string]bool
	problems []Problem
	damaged  int    // paths
	first    string // the first of them by name
}

func (j *judge) run(disk []found) {
	j.tree, j.seen = &tree.Tree{}, make(map[string]bool, len(disk))
	for _, p := range j.expected.packages {
		j.tree.Packages = append(j.tree.Packages, p.ID)
	}
	j.tree.Packages = append(j.tree.Packages, Owner)
	for _, f := range disk {
		j.path(f)
	}
	for at, c := range j.expected.at {
		if !j.seen[at] {
			j.damage(c, "is missing")
			j.parents(at)
		}
	}
	slices.SortFunc(j.tree.Entries, func(a, b tree.Entry) int { return cmp.Compare(a.Path, b.Path) })
	slices.SortFunc(j.problems, func(a, b Problem) int { return cmp.Compare(a.Path, b.Path) })
}

func (j *judge) path(f found) {
	j.seen[f.Path] = true
	c, claimed := j.expected.at[f.Path]
	if claimed && !generated(f.Path) {
		j.claimed(f, c)
		return
	}
	e := tree.Entry{Layout: f.Layout, Owner: len(j.tree.Packages) - 1}
	switch {
	case f.IsDir() && j.expected.implied[f.Path]:
		e.Owner = tree.Implied
	case f.IsRegular():
		d := j.digests.of[f.inode]
		if d.err != nil {
			j.problems = append(j.problems, Problem{j.id, f.Path, "cannot be read, and no package has it: left out: " + reason(d.err)})
			return
		}
		e.Hash, e.Size = d.hash, d.size
	case !f.IsDir() && !f.IsSymlink():
		j.problems = append(j.problems, Problem{j.id, f.Path, "is a device, fifo or socket, which no state can hold: left out"})
		return
	}
	j.tree.Entries = append(j.tree.Entries, e)
}

// claimed judges a path that packages have. Whichever of several claims the disk
// agrees with is the one that was written.
func (j *judge) claimed(f found, c claim) {
	what := j.mismatch(f, c)
	for _, rival := range j.expected.rivals[f.Path] {
		if what != "" && j.mismatch(f, rival) == "" {
			what, c = "", rival
		}
	}
	if what != "" {
		j.damage(c, what)
		return
	}
	e := tree.Entry{Layout: f.Layout, Owner: c.owner}
	if f.IsRegular() {
		e.Hash, e.Size = c.Hash, f.size
	}
	j.tree.Entries = append(j.tree.Entries, e)
}

func (j *judge) mismatch(f found, c claim) string {
	switch {
	case f.Mode&unix.S_IFMT != c.Mode&unix.S_IFMT:
		return fmt.Sprintf("is %s, should be %s", kind(f.Mode), kind(c.Mode))
	case f.IsSymlink() && f.Target != c.Target:
		return fmt.Sprintf("leads to %q, should lead to %q", f.Target, c.Target)
	case f.IsRegular():
		d := j.digests.of[f.inode]
		if d.err != nil {
			return "cannot be read: " + reason(d.err)
		}
		if d.hash != c.Hash {
			return fmt.Sprintf("has content %s, should have %s", d.hash, c.Hash)
		}
	}
	return ""
}

func (j *judge) damage(c claim, what string) {
	if j.damaged++; j.damaged == 1 || c.Path < j.first {
		j.first = c.Path
	}
	j.problems = append(j.problems, Problem{j.id, c.Path, what})
	e := tree.Entry{Layout: c.Layout, Owner: c.owner}
	if c.IsRegular() {
		e.Mode &^= writeBits
		e.Size = j.sizes(c.Hash)
	}
	j.tree.Entries = append(j.tree.Entries, e)
}

// parents records the folders of a path that is missing, if they are too.
func (j *judge) parents(at string) {
	for up := path.Dir(at); up != "." && !j.seen[up]; up = path.Dir(up) {
		j.seen[up] = true
		if _, claimed := j.expected.at[up]; !claimed {
			dir := stone.Layout{Path: up, Mode: unix.S_IFDIR | 0o755}
			j.tree.Entries = append(j.tree.Entries, tree.Entry{Layout: dir, Owner: tree.Implied})
		}
	}
}

func kind(mode uint32) string {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return "a file"
	case unix.S_IFDIR:
		return "a folder"
	case unix.S_IFLNK:
		return "a symlink"
	}
	return "a special file"
}
