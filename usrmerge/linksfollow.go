package usrmerge

import (
	"errors"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// end is where a symlink leads: a path in the terms of afterwards, and the file.
type end struct {
	path string
	at   string // where it lies on the disk now
	facts
	lost bool // dangling, or a circle
	twin bool // to the entry of the same name on the other side
	old  bool // by way of the old place
}

// follow walks a path in the tree that the merge will make: of two that are
// there /usr's counts, but for a symlink in /usr that leads nowhere or back. That
// tree stays the same during the whole merge, so a run that goes on after a cut
// finds what the one before it found. self is the path whose symlink is followed,
// in the terms of afterwards, and old tells on which side that is: one that comes
// back to its own side is a circle, to the other one its twin.
func (s *scanner) follow(head, tail, self string, old bool) (end, error) {
	f := follower{s: s, self: self, old: old, left: maxLinks}
	return f.walk(head, tail)
}

type follower struct {
	s    *scanner
	self string
	old  bool
	left int
	on   []string // symlinks of /usr that are being followed
}

func (f *follower) walk(head, tail string) (end, error) {
	rest := steps(head)
	if tail != "" {
		rest = append(rest, strings.Split(tail, "/")...)
	}
	here := end{facts: facts{kind: folder}}
	for i, step := range rest {
		if step == "" || step == "." {
			continue
		}
		if here.kind != folder {
			return end{lost: true}, nil
		}
		if step == ".." {
			here = end{path: up(here.path), at: up(here.at), old: here.old, facts: facts{kind: folder}}
			continue
		}
		last := i == len(rest)-1
		next, err := f.step(path.Join(here.path, step), last, here.old)
		if err != nil || next.lost || next.twin {
			return next, err
		}
		here = next
	}
	return here, nil
}

// step is one name further on; the folder before it is real.
func (f *follower) step(name string, last, old bool) (end, error) {
	old = old || f.s.isOld(name)
	name = f.s.final(name)
	if name == f.self {
		twin := last && old != f.old
		return end{path: name, twin: twin, lost: !twin}, nil
	}
	if f.s.isTop(name) {
		return end{path: name, at: name, old: old, facts: facts{kind: folder}}, nil
	}
	if slices.Contains(f.on, name) {
		return f.second(name, old) // round in a circle: the old one is meant
	}
	n, err := f.s.root.lstat(name)
	if err == nil && n.kind != symlink {
		return end{path: name, at: name, old: old, facts: n}, nil
	}
	if err == nil {
		f.on = append(f.on, name)
		there, err := f.link(name, n.text)
		f.on = f.on[:len(f.on)-1]
		if err != nil || !there.lost {
			return there, err
		}
	} else if !lost(err) {
		return end{}, err
	}
	return f.second(name, old)
}

// second is what the old place has under a name that /usr has not.
func (f *follower) second(name string, viaOld bool) (end, error) {
	for _, old := range f.s.olds(name) {
		o, err := f.s.root.lstat(old)
		if err == nil && o.kind == symlink {
			return f.link(old, o.text)
		}
		if err == nil {
			return end{path: name, at: old, old: viaOld, facts: o}, nil
		}
		if !lost(err) {
			return end{}, err
		}
	}
	return end{lost: true}, nil
}

func (f *follower) link(name, text string) (end, error) {
	if f.left--; f.left < 0 {
		return end{lost: true}, nil
	}
	return f.walk(f.s.raw(up(name), text))
}

// lost tells whether an error only says that a path leads nowhere.
func lost(err error) bool {
	return gone(err) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP)
}
