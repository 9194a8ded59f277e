package adopt

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"moss/store/state"
	"moss/store/stone"
	"moss/store/tree"
)

// claim is a package's word on a path.
type claim struct {
	stone.Layout
	owner int // index into expected.packages
}

// expected is what a state's packages say its tree is, by the rules of AerynOS'
// moss: of two that claim one path a folder wins, else the one that was recorded
// first; what lies below a symlink to a folder of the tree goes into that folder.
type expected struct {
	packages []*Package
	at       map[string]claim
	rivals   map[string][]claim // claims that lost
	implied  map[string]bool    // folders that are there because something is in them
	problems []Problem
}

func expect(id state.ID, packages []*Package) *expected {
	x := &expected{at: map[string]claim{}, rivals: map[string][]claim{}, implied: map[string]bool{}}
	x.packages = slices.SortedFunc(slices.Values(packages), func(a, b *Package) int {
		return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.ID, b.ID))
	})
	for owner, p := range x.packages {
		for _, l := range p.layouts {
			if err := tree.CheckPath(l.Path); err != nil {
				x.problems = append(x.problems, Problem{id, l.Path, "a path of " + p.Label() + " that is refused: " + err.Error()})
				continue
			}
			x.add(claim{l, owner})
		}
	}
	x.follow(id)
	for at := range x.at {
		for up := path.Dir(at); up != "." && !x.implied[up]; up = path.Dir(up) {
			x.implied[up] = true
		}
	}
	return x
}

func (x *expected) add(c claim) {
	old, taken := x.at[c.Path]
	switch {
	case !taken:
		x.at[c.Path] = c
	case c.IsDir() && !old.IsDir():
		x.at[c.Path] = c
		x.rivals[c.Path] = append(x.rivals[c.Path], old)
	case !old.IsDir() || !c.IsDir():
		x.rivals[c.Path] = append(x.rivals[c.Path], c)
	}
}

// follow moves what lies below a symlink to where the symlink leads.
func (x *expected) follow(id state.ID) {
	links := map[string]string{}
	for at, c := range x.at {
		if c.IsSymlink() {
			links[at] = c.Target
		}
	}
	var moved []claim
	for at, c := range x.at {
		if real := resolve(links, at); real != at {
			moved = append(moved, c)
			delete(x.at, at)
		}
	}
	slices.SortFunc(moved, func(a, b claim) int {
		return cmp.Or(cmp.Compare(a.owner, b.owner), cmp.Compare(a.Path, b.Path))
	})
	for _, c := range moved {
		real := resolve(links, c.Path)
		if tree.CheckPath(real) != nil {
			x.problems = append(x.problems, Problem{id, c.Path, "a path of " + x.packages[c.owner].Label() + " lies below a symlink that leads nowhere: left out"})
			continue
		}
		c.Path = real
		x.add(c)
	}
}

// maxLinks is how many symlinks a path may go through, as in the kernel
// (path_resolution(7)).
const maxLinks = 40

// resolve gives the place of at after all symlinks among the folders above it;
// "" when they lead out of /usr or in a circle.
func resolve(links map[string]string, at string) string {
	for range maxLinks {
		link := above(links, at)
		if link == "" {
			return at
		}
		target, rest := links[link], strings.TrimPrefix(at, link)
		if inside, ok := strings.CutPrefix(target, "/usr/"); ok {
			target = inside
		} else if path.IsAbs(target) {
			return ""
		} else {
			target = path.Join(path.Dir(link), target)
		}
		at = path.Clean(target + rest)
	}
	return ""
}

// above is the first symlink among the folders above at, "" if there is none.
func above(links map[string]string, at string) string {
	for i, c := range at {
		if c == '/' {
			if _, ok := links[at[:i]]; ok {
				return at[:i]
			}
		}
	}
	return ""
}

// owned lists, for each package, its paths as they are in this tree: symlinks
// followed, so that they can be planned again by rules that follow none.
func (x *expected) owned() map[*Package][]stone.Layout {
	all := map[*Package][]stone.Layout{}
	links := map[string]string{}
	for at, c := range x.at {
		if c.IsSymlink() {
			links[at] = c.Target
		}
	}
	for _, p := range x.packages {
		for _, l := range p.layouts {
			if l.Path = resolve(links, l.Path); tree.CheckPath(l.Path) == nil {
				all[p] = append(all[p], l)
			}
		}
	}
	return all
}
