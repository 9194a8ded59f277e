package usrmerge

import (
	"fmt"
	"path"

	"golang.org/x/sys/unix"
)

// needs is what a merge writes, per file system.
type needs struct {
	usr, orphans need
	copied       int64 // bytes of content
	ops          int
	entries      int                // of the old folders
	seen         map[[2]uint64]bool // hard links count once
}

type need struct{ bytes, files int64 }

func (n *need) add(bytes, files int64) { n.bytes += bytes; n.files += files }

// page is what a new folder, or a symlink too long for its inode, takes.
const page = 4096

// space adds up what will be written and refuses what does not fit, before the
// first write.
func (s *scanner) space() {
	n := &s.found.needs
	n.seen = map[[2]uint64]bool{}
	odev := s.orphansDevice()
	for _, t := range s.found.tops {
		before := *n
		n.entry(&t.tree, t.facts.dev, odev)
		n.fromTo(t, before)
	}
	s.fits("usr", n.usr, func(t *top) need { return t.needs.usr })
	s.fits(s.o.Orphans, n.orphans, func(t *top) need { return t.needs.orphans })
}

func (n *needs) fromTo(t *top, before needs) {
	t.needs.usr = need{n.usr.bytes - before.usr.bytes, n.usr.files - before.usr.files}
	t.needs.orphans = need{n.orphans.bytes - before.orphans.bytes, n.orphans.files - before.orphans.files}
}

// orphansDevice is the device of the orphans folder, or of where it will be made.
func (s *scanner) orphansDevice() uint64 {
	for name := s.o.Orphans; ; name = up(name) {
		at, err := s.root.canonical(name, false)
		if err == nil {
			if f, err := s.root.lstat(at); err == nil {
				return f.dev
			}
		}
		if name == "" {
			return 0
		}
	}
}

func (n *needs) entry(e *entry, dev, odev uint64) {
	n.entries++
	if e.act&works != 0 {
		n.ops++
	}
	switch {
	case e.act&(actFolder|actMirror) != 0:
		n.usr.add(page, 1)
	case e.act&(actRelink|actAlias|actCarry) != 0:
		n.usr.add(int64(len(e.name))+page, 1)
	case e.act&(actLink|actTake|actDisplace|actIndex) != 0:
		n.usr.add(int64(len(e.name))+16, 0)
		if e.cross {
			n.usr.add(n.content(&e.o), 1)
		}
	case e.act == actOrphan:
		n.orphans.add(int64(len(e.name))+16, 0)
		if e.o.dev != odev {
			n.orphans.add(n.content(&e.o), 1)
		}
	}
	for i := range e.kids {
		n.entry(&e.kids[i], dev, odev)
	}
}

// content is what a copy takes: holes stay holes.
func (n *needs) content(f *facts) int64 {
	if f.kind != regular {
		return 0
	}
	if f.nlink > 1 {
		key := [2]uint64{f.dev, f.ino}
		if n.seen[key] {
			return 0
		}
		n.seen[key] = true
	}
	bytes := (min(f.blocks*512, f.size) + page - 1) / page * page
	n.copied += bytes
	return bytes
}

// fits compares with what is free; root may use what is reserved, but others
// need it.
func (s *scanner) fits(name string, want need, of func(*top) need) {
	if want == (need{}) {
		return
	}
	st, err := s.free(name)
	if err != nil {
		return
	}
	why, hint := "", "make room on it"
	if st.Flags&unix.ST_RDONLY != 0 {
		why, hint = "is mounted read-only", "mount it writable"
	} else if bytes := int64(st.Bavail) * st.Frsize; bytes < want.bytes {
		why = fmt.Sprintf("has %d bytes free, and %d are needed", bytes, want.bytes)
	} else if st.Files > 0 && int64(st.Ffree) < want.files {
		why = fmt.Sprintf("has room for %d files, and %d are needed", st.Ffree, want.files)
	}
	if why == "" {
		return
	}
	for _, t := range s.found.tops {
		if of(t) != (need{}) {
			_ = s.refuse(t, name, why, hint)
		}
	}
}

func (s *scanner) free(name string) (unix.Statfs_t, error) {
	var st unix.Statfs_t
	for {
		at, err := s.root.canonical(name, false)
		if err == nil {
			fd, err := s.root.folder(at)
			if err != nil {
				return st, err
			}
			defer unix.Close(fd)
			return st, unix.Fstatfs(fd, &st)
		}
		if name == "" {
			return st, err
		}
		name = path.Clean(up(name))
		if name == "." {
			name = ""
		}
	}
}
