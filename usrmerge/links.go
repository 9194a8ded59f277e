package usrmerge

import (
	"path"
	"strings"
)

// maxLinks is how many symlinks the kernel follows on one path (MAXSYMLINKS).
const maxLinks = 40

// unclear is how far a text climbs of which only the disk can tell.
const unclear = 1 << 20

// climb counts how many folders above its own a relative text reaches. A ".."
// behind a name depends on what that name is, so it counts as unclear.
func climb(text string) int {
	levels, inside := 0, strings.HasPrefix(text, "/")
	for step := range strings.SplitSeq(text, "/") {
		switch {
		case step == "" || step == ".":
		case step != "..":
			inside = true
		case inside:
			return unclear
		default:
			levels++
		}
	}
	return levels
}

// lexical is where a text leads from a folder below the root if no name on the
// way is a symlink, as a path below the root.
func lexical(from, text string) string {
	if !strings.HasPrefix(text, "/") {
		text = "/" + from + "/" + text
	}
	return path.Clean("/" + text)[1:]
}

// relative is the text that leads from one folder to a path, both below the
// root.
func relative(from, to string) string {
	a, b := steps(from), steps(to)
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	all := strings.Repeat("../", len(a)) + strings.Join(b, "/")
	if all = strings.TrimSuffix(all, "/"); all == "" {
		return "."
	}
	return all
}

func steps(name string) []string {
	if name == "" {
		return nil
	}
	return strings.Split(name, "/")
}

// within tells whether a path is a folder or below it.
func within(name, folder string) bool {
	return name == folder || len(name) > len(folder) && name[len(folder)] == '/' && strings.HasPrefix(name, folder)
}

// final is where a path of today lies after the merge.
func (m *mapping) final(name string) string {
	for range maxLinks {
		next := m.once(name)
		if next == name {
			break
		}
		name = next
	}
	return name
}

func (m *mapping) once(name string) string {
	for _, p := range m.pairs {
		if within(name, p.old) {
			return p.new + name[len(p.old):]
		}
	}
	return name
}

// mapping says which folders are, or will be, somewhere else.
type mapping struct{ pairs []moved }

type moved struct {
	old, new string
	at       string // where the old folder lies: old, or the name it has since the exchange
	live     bool   // the old folder is still there
	alias    string // old is a symlink to the folder that goes here
}

// meaning is where a text leads from a folder, in the terms of afterwards: a
// path, and what has to be walked from there because it stands behind a symlink.
func (s *scanner) meaning(from, text string) (head, tail string) {
	head, tail = s.raw(from, text)
	return s.final(head), tail
}

// raw is meaning in the terms of today.
func (s *scanner) raw(from, text string) (head, tail string) {
	if climb(text) != unclear {
		return lexical(from, text), ""
	}
	at := from
	if strings.HasPrefix(text, "/") {
		at = ""
	}
	rest := steps(text)
	for i, step := range rest {
		if step == ".." && s.isLink(s.final(at)) {
			return at, strings.Join(rest[i:], "/")
		}
		at = lexical(at, step)
	}
	return at, ""
}

// isLink asks the disk, old place and new.
func (s *scanner) isLink(name string) bool {
	f, err := s.root.lstat(name)
	for _, old := range s.olds(name) {
		if err == nil {
			break
		}
		f, err = s.root.lstat(old)
	}
	return err == nil && f.kind == symlink
}

// right is the text that a symlink from the old folder needs in the new one: its
// own if that means the same there.
func (s *scanner) right(old, new, text string) string {
	if strings.HasPrefix(text, "/") && climb(text) == 0 {
		return text
	}
	head, tail := s.meaning(old, text)
	there, thereTail := s.meaning(new, text)
	if head == there && tail == thereTail && !s.passes(old, text) {
		return text
	}
	made := relative(new, head)
	if strings.HasPrefix(text, "/") {
		made = "/" + head
	}
	if tail != "" {
		made += "/" + tail
	} else if strings.HasSuffix(text, "/") {
		made += "/"
	}
	return made
}

// passes tells whether a text goes down into a merged folder and up again: the
// way up leads to /usr afterwards, and to the root today.
func (s *scanner) passes(from, text string) bool {
	if climb(text) != unclear {
		return false
	}
	at := from
	if strings.HasPrefix(text, "/") {
		at = ""
	}
	for step := range strings.SplitSeq(text, "/") {
		if step == ".." && s.newOf(at) != "" {
			return true
		}
		at = lexical(at, step)
	}
	return false
}

// newOf is the new place of a whole top folder, "" for anything below one.
func (m *mapping) newOf(name string) string {
	for _, p := range m.pairs {
		if p.old == name {
			return p.new
		}
	}
	return ""
}

// isTop tells whether a path is the new place of a folder that is being merged.
func (m *mapping) isTop(name string) bool {
	for _, p := range m.pairs {
		if p.live && p.new == name {
			return true
		}
	}
	return false
}

// isOld tells whether a path is the old place of a folder that is being merged.
func (m *mapping) isOld(name string) bool {
	for _, p := range m.pairs {
		if p.live && p.old == name {
			return true
		}
	}
	return false
}

// olds are the places besides its own where a path of afterwards may lie today.
func (m *mapping) olds(name string) (all []string) {
	for _, p := range m.pairs {
		rest, ok := strings.CutPrefix(name, p.new)
		if !ok || rest != "" && rest[0] != '/' {
			continue
		}
		if p.live {
			all = append(all, p.at+rest)
		}
		if p.alias != "" {
			all = append(all, p.alias+rest)
			all = append(all, m.olds(p.alias+rest)...)
		}
	}
	return all
}
