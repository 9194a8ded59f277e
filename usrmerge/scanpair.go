package usrmerge

import (
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// judge finds out what decide has to know, and no more: contents are read only
// if sizes and metadata are equal, symlinks are followed only if their texts
// do not say it.
func (s *scanner) judge(d *both, e *entry) (pair, error) {
	p := pair{o: e.o.kind, n: e.n.kind}
	if p.o == symlink {
		e.text = s.right(d.old, d.new, e.o.text)
	}
	if !d.cross && e.o.sameFile(e.n) && p.o != folder {
		p.same, p.stale = e.text == e.o.text, e.text != e.o.text
		return p, nil
	}
	if p.o == folder && p.n == folder {
		return p, nil
	}
	var err error
	p.newer = s.newer(d, e)
	switch {
	case p.o == symlink && p.n == symlink:
		p.newer = p.newer && e.n.text != e.text
		err = s.judgeLinks(d, e, &p)
	case p.o == symlink:
		err = s.judgeOld(d, e, &p)
	case p.n == symlink:
		err = s.judgeNew(d, e, &p)
	case p.o == p.n:
		p.index = isIndex(path.Join(d.old, e.name))
		p.equal, err = s.equalPair(d, e)
		p.newer = p.newer && !p.equal
	}
	return p, err
}

// equalPair compares two entries of one kind.
func (s *scanner) equalPair(d *both, e *entry) (bool, error) {
	name := newName(d, e)
	if e.o.rdev != e.n.rdev && (e.o.kind == char || e.o.kind == block) {
		return false, nil
	}
	return s.equal.entries(spot{d.ofd, e.name, &e.o}, spot{d.nfd, name, e.n})
}

func (s *scanner) judgeLinks(d *both, e *entry, p *pair) error {
	self := path.Join(d.new, newName(d, e))
	oHead, oTail := s.raw(d.old, e.o.text)
	nHead, nTail := s.raw(d.new, e.n.text)
	if p.meet = s.final(oHead) == s.final(nHead) && oTail == nTail; p.meet {
		return nil
	}
	o, err := s.follow(oHead, oTail, self, true)
	if err != nil {
		return err
	}
	n, err := s.follow(nHead, nTail, self, false)
	p.oTwin, p.oLost, p.nTwin, p.nLost = o.twin, o.lost, n.twin, n.lost
	if !p.oTwin && !p.oLost && !p.nTwin && !p.nLost {
		p.meet = o.path == n.path || o.sameFile(&n.facts)
	}
	return err
}

func (s *scanner) judgeOld(d *both, e *entry, p *pair) error {
	head, tail := s.raw(d.old, e.o.text)
	o, err := s.follow(head, tail, path.Join(d.new, newName(d, e)), true)
	p.oTwin, p.oLost = o.twin, o.lost
	p.meet = !o.twin && !o.lost && o.sameFile(e.n)
	return err
}

func (s *scanner) judgeNew(d *both, e *entry, p *pair) error {
	head, tail := s.raw(d.new, e.n.text)
	n, err := s.follow(head, tail, path.Join(d.new, newName(d, e)), false)
	p.nTwin, p.nLost = n.twin, n.lost
	if err != nil || n.twin || n.lost || n.kind != regular || e.o.kind != regular {
		return err
	}
	dir, err := s.root.folder(up(n.at))
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	p.equal, err = s.equal.entries(spot{d.ofd, e.name, &e.o}, spot{dir, path.Base(n.at), &n.facts})
	return err
}

// newer tells whether the twin is what this run, or one before it, made of an
// earlier file of the same name: then the old place has a newer one, which counts.
func (s *scanner) newer(d *both, e *entry) bool {
	return e.n.kind != folder && e.o.kind != folder && s.made.ours(path.Join(d.new, newName(d, e)), e.n)
}

// lookup finds an entry by the names below a folder; nil if there is none.
func (e *entry) lookup(names []string) *entry {
	for _, name := range names {
		low, high := 0, len(e.kids)
		for low < high {
			if mid := (low + high) / 2; e.kids[mid].name < name {
				low = mid + 1
			} else {
				high = mid
			}
		}
		if low == len(e.kids) || e.kids[low].name != name {
			return nil
		}
		e = &e.kids[low]
	}
	return e
}

// isIndex tells whether depmod(8) makes a file; modules.order and
// modules.builtin come with the kernel's package and are ordinary.
func isIndex(name string) bool {
	if _, ok := kernelOf(name); !ok {
		return false
	}
	base, ok := strings.CutPrefix(path.Base(name), "modules.")
	switch strings.TrimSuffix(base, ".bin") {
	case "alias", "dep", "softdep", "symbols", "devname", "weakdep", "builtin.alias":
		return ok
	}
	return ok && base == "builtin.bin"
}

// kernelOf is the kernel version of a file right in lib/modules/VERSION.
func kernelOf(name string) (string, bool) {
	all := strings.Split(name, "/")
	if len(all) != 4 || !strings.HasPrefix(all[0], "lib") || all[1] != "modules" {
		return "", false
	}
	return all[2], true
}
