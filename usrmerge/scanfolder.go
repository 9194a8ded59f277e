package usrmerge

import (
	"errors"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// both is a folder at its old and its new place, open.
type both struct {
	t        *top
	old, new string // below the root; old is the name that it had before any exchange
	ofd, nfd int    // nfd is -1 if the new one is not there
	news     []named
	// odev and ndev are their devices; of a new folder that is not there, that of
	// the one it will be made in.
	odev, ndev     uint64
	omount, nmount uint64
	cross          bool // nothing can be linked from here to there
	top            bool // these hold the top folder itself
	mirror         bool // the new one is made beside a symlink that still counts
}

func (d *both) close() {
	if d.ofd >= 0 {
		_ = unix.Close(d.ofd)
	}
	if d.nfd >= 0 {
		_ = unix.Close(d.nfd)
	}
}

// parents opens the folders that hold the top folder and its new place.
func (r *rootDir) parents(t *top) (*both, error) {
	d := &both{t: t, old: up(t.path), new: up(t.new), ofd: -1, nfd: -1, top: true}
	var err error
	if d.ofd, err = r.folder(d.old); err != nil {
		return nil, err
	}
	if d.nfd, err = r.folder(d.new); err != nil {
		d.close()
		return nil, err
	}
	o, err := stat(d.ofd, "")
	if err == nil {
		var n facts
		n, err = stat(d.nfd, "")
		d.odev, d.omount, d.ndev, d.nmount = o.dev, o.mount, n.dev, n.mount
	}
	if err != nil {
		d.close()
		return nil, err
	}
	d.cross = d.odev != d.ndev
	return d, nil
}

// tree reads a top folder and its new place.
func (s *scanner) tree(t *top) error {
	d, err := s.root.parents(t)
	if err != nil {
		return err
	}
	defer d.close()
	if err := s.leavings(d); err != nil {
		return err
	}
	t.tree = entry{name: path.Base(t.path)}
	if n, err := stat(d.nfd, path.Base(t.new)); err == nil {
		d.news = []named{{path.Base(t.new), n.ino, n.kind}}
	} else if !gone(err) {
		return s.refuse(t, t.new, "cannot be read: "+cause(err), "check the file system")
	}
	_, err = s.entry(d, &t.tree, named{})
	return err
}

// leavings notes the temporary names of an earlier run beside the new folder.
func (s *scanner) leavings(d *both) error {
	names, err := s.list(d.nfd)
	for _, n := range names {
		if strings.HasPrefix(n.name, temporary) && !strings.HasPrefix(n.name, temporary+"-") {
			s.temp(path.Join(d.new, n.name))
		}
	}
	return err
}

func (s *scanner) temp(name string) {
	for _, known := range s.found.temps {
		if known == name {
			return
		}
	}
	s.found.temps = append(s.found.temps, name)
}

// entry reads one name on both sides and decides. It tells how far a symlink
// there or below climbs out of the folder that holds the entry.
func (s *scanner) entry(d *both, e *entry, listed named) (reach int, err error) {
	if s.again && s.isTwin(d, listed) {
		e.o = facts{kind: listed.kind, ino: listed.ino, dev: d.odev}
		return 0, nil
	}
	where := path.Join(d.old, e.name)
	if e.o, err = statLink(d.ofd, oldName(d, e)); gone(err) {
		e.act = actDone // taken away meanwhile
		return 0, nil
	} else if err != nil {
		return 0, s.refuse(d.t, where, "cannot be read: "+cause(err), "check the file system")
	}
	if err := s.movable(d, where, e); err != nil {
		return 0, err
	}
	n, there := find(d.news, newName(d, e))
	if there {
		if there, err = s.twin(d, e, n); err != nil {
			return 0, err
		}
	}
	e.cross = d.cross || s.kept(s.links, where)
	if !there {
		return s.alone(d, e)
	}
	return 0, s.paired(d, e)
}

// isTwin tells from the two listings alone that both names are of one file. What
// could be in the way of it was looked at before.
func (s *scanner) isTwin(d *both, listed named) bool {
	if s.overlay || d.cross || listed.kind == folder || listed.kind == symlink || listed.kind == absent {
		return false
	}
	n, ok := find(d.news, listed.name)
	return ok && n.ino == listed.ino && n.kind == listed.kind
}

// newName is the name of an entry at its new place: usr/sbin becomes bin.
func newName(d *both, e *entry) string {
	if d.top {
		return path.Base(d.t.new)
	}
	return e.name
}

// oldName is its name at the old place, which an exchange changes.
func oldName(d *both, e *entry) string {
	if d.top {
		return path.Base(d.t.at)
	}
	return e.name
}

// movable refuses what cannot be moved without harm.
func (s *scanner) movable(d *both, where string, e *entry) error {
	if strings.HasPrefix(e.name, temporary) {
		return s.refuse(d.t, where, "has a name that the merge uses itself", "rename or remove it")
	}
	if e.o.frozen {
		return s.refuse(d.t, where, "is immutable or append-only", "chattr -i -a "+shown(where))
	}
	if e.o.mount != d.omount || s.mounts[where] {
		return s.refuse(d.t, where, "is a mount point", "unmount it, or merge in early boot, before anything is mounted")
	}
	return nil
}

// kept tells whether a path lies in one of some folders.
func (s *scanner) kept(folders map[string]bool, name string) bool {
	for ; len(folders) > 0 && name != ""; name = up(name) {
		if folders[name] {
			return true
		}
	}
	return false
}

// twin reads what is at the new place. What an earlier run left half done is
// nothing.
func (s *scanner) twin(d *both, e *entry, there named) (bool, error) {
	name := newName(d, e)
	if !d.cross && !s.overlay && there.ino == e.o.ino && there.kind == e.o.kind && e.o.kind != folder {
		n := e.o
		e.n = &n
		return true, nil
	}
	where := path.Join(d.new, name)
	n, err := statLink(d.nfd, name)
	if gone(err) {
		return false, nil
	}
	if err != nil {
		return false, s.refuse(d.t, where, "cannot be read: "+cause(err), "check the file system")
	}
	if e.o.kind == folder && n.kind == symlink && n.text == relative(d.old, where) {
		if _, err := s.root.lstat(lexical(d.new, n.text)); lost(err) {
			s.temp(where)
			return false, nil
		}
	}
	if e.o.kind == folder && n.kind != folder && s.made.ours(where, &n) {
		s.temp(where) // what is a folder now was a file when we linked it
		return false, nil
	}
	if n.kind == folder && (n.mount != d.nmount || s.mounts[where]) {
		return false, s.refuse(d.t, where, "is a mount point", "unmount it, or merge in early boot, before anything is mounted")
	}
	if n.kind == folder && e.o.kind == folder && n.frozen {
		return false, s.refuse(d.t, where, "is immutable or append-only", "chattr -i -a "+shown(where))
	}
	e.n = &n
	return true, nil
}

// alone decides about an entry that the new place lacks.
func (s *scanner) alone(d *both, e *entry) (reach int, err error) {
	e.act = actLink
	switch e.o.kind {
	case symlink:
		e.text = s.right(d.old, d.new, e.o.text)
		if e.text != e.o.text || e.cross {
			e.act = actRelink
		}
		reach = climb(e.o.text)
	case folder:
		if reach, err = s.kids(d, e, -1); err != nil {
			return 0, err
		}
		e.act = actFolder
		if s.carriable(d, e, reach) {
			e.act, e.kids = actCarry, nil
		}
		reach--
	}
	s.note(e)
	return reach, nil
}

// paired decides about an entry that is on both sides.
func (s *scanner) paired(d *both, e *entry) error {
	p, err := s.judge(d, e)
	if err != nil {
		return s.refuse(d.t, path.Join(d.old, e.name), "cannot be compared: "+cause(err), "check the file system")
	}
	e.act, e.why = p.decide()
	where := path.Join(d.old, e.name)
	switch e.act {
	case actRefuse:
		return s.refuse(d.t, where, e.why, "put one of the two out of the way")
	case actOrphan:
		err = s.orphan(d, e)
	case actTake, actDisplace, actIndex:
		if e.n.frozen {
			return s.refuse(d.t, path.Join(d.new, e.name), "is immutable or append-only", "chattr -i -a "+shown(path.Join(d.new, e.name)))
		}
		if e.act == actDisplace {
			err = s.displaced(d, e)
		}
		if e.act == actIndex && d.t.leftover {
			e.act = actFold // depmod was here since
		}
	case actMirror:
		_, err = s.kids(d, e, -1)
	case actInto:
		if !s.again {
			if e.why, err = s.folderDiffers(d, e); err != nil {
				break
			}
		}
		nfd, fail := openFolder(d.nfd, newName(d, e))
		if fail != nil {
			return s.refuse(d.t, path.Join(d.new, e.name), "cannot be read: "+cause(fail), "check the file system")
		}
		_, err = s.kids(d, e, nfd)
	}
	s.note(e)
	return err
}

// note adds up what is to do below a folder.
func (s *scanner) note(e *entry) {
	e.todo |= e.act
	for i := range e.kids {
		e.todo |= e.kids[i].todo
	}
}

// kids reads the entries of a folder; nfd is closed. It tells how far a symlink in
// there climbs out of this folder.
func (s *scanner) kids(d *both, e *entry, nfd int) (reach int, err error) {
	in := &both{t: d.t, old: path.Join(d.old, e.name), new: path.Join(d.new, newName(d, e)), ofd: -1, nfd: nfd,
		odev: e.o.dev, omount: e.o.mount, ndev: d.ndev, nmount: d.nmount, mirror: d.mirror || e.act == actMirror}
	defer in.close()
	if e.n != nil && e.n.kind == folder {
		in.ndev = e.n.dev
	}
	in.cross = in.odev != in.ndev
	olds, err := s.listBoth(d, in, oldName(d, e))
	if gone(err) {
		return 0, nil
	}
	if err != nil {
		return 0, s.refuse(d.t, in.old, "cannot be read: "+cause(err), "check the file system")
	}
	e.kids = make([]entry, len(olds))
	for i := range olds {
		kid := &e.kids[i]
		kid.name = olds[i].name
		climbs, err := s.entry(in, kid, olds[i])
		if err != nil {
			return 0, err
		}
		reach = max(reach, climbs)
	}
	return reach, nil
}

func (s *scanner) listBoth(d, in *both, oname string) (olds []named, err error) {
	if in.ofd, err = openFolder(d.ofd, oname); err != nil {
		return nil, err
	}
	if olds, err = s.list(in.ofd); err != nil || in.nfd < 0 {
		return olds, err
	}
	if in.news, err = s.list(in.nfd); err != nil {
		return nil, err
	}
	for _, n := range in.news {
		if strings.HasPrefix(n.name, temporary) {
			s.temp(path.Join(in.new, n.name))
		}
	}
	return olds, nil
}

var errChanged = errors.New("changes while it is merged")

// folderDiffers says what /usr's folder has differently; it stays so.
func (s *scanner) folderDiffers(d *both, e *entry) (string, error) {
	switch {
	case e.o.mode != e.n.mode:
		return "has another mode than in /usr; /usr's stays", nil
	case e.o.uid != e.n.uid || e.o.gid != e.n.gid:
		return "has another owner than in /usr; /usr's stays", nil
	}
	same, err := sameXattrs(spot{d.ofd, oldName(d, e), &e.o}, spot{d.nfd, newName(d, e), e.n})
	if err != nil {
		return "", s.refuse(d.t, path.Join(d.old, e.name), "cannot be compared: "+cause(err), "check the file system")
	}
	if !same {
		return "has other attributes than in /usr; /usr's stays", nil
	}
	return "", nil
}
