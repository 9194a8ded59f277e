package usrmerge

import (
	"path"

	"golang.org/x/sys/unix"
)

// alias looks at a symlink to another top folder (/lib -> lib64), which will lead
// to /usr/lib. Whatever was found by it must be found there: if there is no
// /usr/lib it becomes a symlink to lib64, else each name that it lacks becomes one
// to the name in lib64, whose later updates it shows.
func (s *scanner) alias(t *top) error {
	d, err := s.root.parents(t)
	if err != nil {
		return err
	}
	defer d.close()
	t.tree = entry{name: path.Base(t.path), text: relative(up(t.new), t.goal.place())}
	e := &t.tree
	n, err := statLink(d.nfd, e.name)
	switch {
	case gone(err):
		e.act = actAlias
		s.note(e)
		return nil
	case err != nil:
		return s.refuse(t, t.new, "cannot be read: "+cause(err), "check the file system")
	case n.kind == symlink && s.final(lexical("usr", n.text)) == t.goal.place(), n.kind == folder && t.new == t.goal.place():
		return nil
	case n.kind == symlink && lexical("usr", n.text) == t.path: // it would lead round in a circle
		e.act, e.n = actAlias, &n
		s.note(e)
		return nil
	case n.kind != folder:
		return s.refuse(t, t.new, "is "+n.kind.String()+", and "+shown(t.path)+" leads to "+shown(t.goal.path), "put one of the two out of the way")
	}
	ofd, err := s.root.folder(t.goal.source())
	if err != nil {
		return s.refuse(t, t.path, "cannot be read: "+cause(err), "check the file system")
	}
	return s.aliasFolder(t, e, ofd, t.goal.place(), t.new)
}

// aliasFolder compares the names of a folder of the target with those of the
// folder that the alias will lead to.
func (s *scanner) aliasFolder(t *top, e *entry, ofd int, goal, new string) error {
	defer unix.Close(ofd)
	nfd, err := s.root.folder(new)
	if err != nil {
		return s.refuse(t, new, "cannot be read: "+cause(err), "check the file system")
	}
	defer unix.Close(nfd)
	olds, err := s.list(ofd)
	if err != nil {
		return s.refuse(t, t.path, "cannot be read: "+cause(err), "check the file system")
	}
	e.act, e.kids = actInto, make([]entry, len(olds))
	for i, o := range olds {
		kid := &e.kids[i]
		kid.name = o.name
		if err := s.aliasEntry(t, kid, spot{dir: ofd, name: o.name}, spot{dir: nfd, name: o.name}, path.Join(goal, o.name), path.Join(new, o.name)); err != nil {
			return err
		}
	}
	s.note(e)
	return nil
}

func (s *scanner) aliasEntry(t *top, e *entry, old, twin spot, goal, new string) error {
	var err error
	if e.o, err = statLink(old.dir, old.name); gone(err) {
		return nil
	} else if err != nil {
		return s.refuse(t, t.path+goal[len(t.goal.place()):], "cannot be read: "+cause(err), "check the file system")
	}
	if was := t.goal.path + goal[len(t.goal.place()):]; e.o.kind == symlink && t.goal.State == StateMerge && lexical(up(was), e.o.text) == goal {
		dir, err := s.root.folder(up(goal)) // it went over whole
		if err != nil {
			return err
		}
		defer unix.Close(dir)
		old.dir = dir
		if e.o, err = statLink(dir, old.name); err != nil {
			return s.refuse(t, goal, "cannot be read: "+cause(err), "check the file system")
		}
	}
	n, err := statLink(twin.dir, twin.name)
	if gone(err) {
		e.act, e.text = actAlias, relative(up(new), goal)
		s.note(e)
		return nil
	} else if err != nil {
		return s.refuse(t, new, "cannot be read: "+cause(err), "check the file system")
	}
	old.facts, twin.facts = &e.o, &n
	if e.o.kind == folder && n.kind == folder {
		ofd, err := openFolder(old.dir, old.name)
		if err != nil {
			return s.refuse(t, t.path+goal[len(t.goal.place()):], "cannot be read: "+cause(err), "check the file system")
		}
		return s.aliasFolder(t, e, ofd, goal, new)
	}
	same, err := s.sameThing(old, twin, goal, new)
	if err != nil {
		return s.refuse(t, new, "cannot be compared: "+cause(err), "check the file system")
	}
	if !same && e.o.kind == regular && n.kind == regular && isIndex(t.path+goal[len(t.goal.place()):]) {
		// The one that was in use until depmod has made another.
		e.act, e.n, e.text = actAlias, &n, relative(up(new), goal)
		s.note(e)
		return nil
	}
	if !same && (e.o.kind == folder) != (n.kind == folder) {
		return s.refuse(t, t.path+goal[len(t.goal.place()):], "is "+e.o.kind.String()+", and in /usr it is "+n.kind.String(), "put one of the two out of the way")
	}
	if !same {
		e.act, e.why = actDiffers, "differs from "+shown(new)+", which stays"
	}
	s.note(e)
	return nil
}

// sameThing tells whether two names stand for the same file, or for equal ones.
func (s *scanner) sameThing(old, twin spot, goal, new string) (bool, error) {
	o, n := end{path: goal, facts: *old.facts}, end{path: new, facts: *twin.facts}
	var err error
	if old.kind == symlink {
		head, tail := s.raw(up(goal), old.text)
		o, err = s.follow(head, tail, goal, true)
	}
	if twin.kind == symlink && err == nil {
		head, tail := s.raw(up(new), twin.text)
		n, err = s.follow(head, tail, new, false)
	}
	if err != nil || o.lost || n.lost || o.twin || n.twin {
		return o.lost && n.lost, err
	}
	if o.path == n.path || o.sameFile(&n.facts) {
		return true, nil
	}
	if old.kind == symlink || twin.kind == symlink {
		return false, nil
	}
	return s.equal.entries(old, twin)
}
