package usrmerge

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"moss/internal/heapsort"
)

// journal is what the merge has put, or is about to put, into /usr. A run that
// ends early leaves it. If packages are upgraded before the next one, the old
// place has the newer file, and what /usr has is only our link to the older one:
// without the journal an old C library would win over a new one.
type journal struct {
	notes map[string]note // by path below the root
	// past are earlier notes of a name: what they tell of may have it still, until
	// what the last note tells of has come in its place.
	past  map[string][]note
	fresh bool // some are not written yet
	there bool // the file is
}

// note tells our own entry from any other that has its name since. An inode's
// number alone does not: it is used again.
type note struct {
	kind  kind // folder, symlink, or regular for all others
	ino   uint64
	size  int64
	mtime int64
	text  string
	over  bool // came in the place of something else
}

// journalName is below the root.
const journalName = "usr/" + temporary + "-made"

// noteOf describes an entry that has this inode, or a new symlink with this text.
func noteOf(f *facts, text string, how act) note {
	n := note{kind: regular, ino: f.ino, size: f.size, mtime: f.mtime}
	switch {
	case f.kind == folder:
		n = note{kind: folder}
	case f.kind == symlink && text != "":
		n = note{kind: symlink, text: text, mtime: f.mtime}
	}
	n.over = how&(actTake|actDisplace|actIndex|actMirror) != 0
	return n
}

// ours tells whether an entry is the one that the merge made.
func (j *journal) ours(name string, f *facts) bool {
	n, ok := j.notes[name]
	return ok && n.tells(f) || slices.ContainsFunc(j.past[name], func(n note) bool { return n.tells(f) })
}

// tells tells whether a note is of this entry. A symlink that a package brought has
// the same text, for it is the right one, and another time; file systems keep
// it in whole seconds at least.
func (n note) tells(f *facts) bool {
	switch n.kind {
	case folder:
		return f.kind == folder
	case symlink:
		return f.kind == symlink && f.text == n.text && (n.mtime == 0 || f.mtime/1e9 == n.mtime/1e9)
	}
	return f.ino == n.ino && f.size == n.size && f.mtime == n.mtime
}

func (j *journal) add(name string, n note) {
	old, ok := j.notes[name]
	if ok && old == n {
		return
	}
	if ok && !slices.Contains(j.past[name], old) {
		j.past[name] = append(j.past[name], old)
	}
	j.notes[name], j.fresh = n, true
}

func (j *journal) remove(name string) {
	delete(j.notes, name)
	delete(j.past, name)
	j.fresh = true
}

// readJournal reads what an earlier run left. What makes no sense is not ours.
func readJournal(root *rootDir) (*journal, error) {
	j := &journal{notes: map[string]note{}, past: map[string][]note{}}
	text, err := os.ReadFile(filepath.Join(root.path, journalName))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return j, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read journal of an earlier merge: %w", err)
	}
	j.there = true
	fields := strings.Split(string(text), "\x00")
	for ; len(fields) > noteFields; fields = fields[noteFields:] {
		if n, ok := parseNote(fields[1:]); ok {
			j.add(fields[0], n)
		}
	}
	j.fresh = false
	return j, nil
}

// noteFields: the path, "f" for a file, "l" for a symlink or "d" for a folder, with
// "!" if it came in the place of something, inode, size, time, text.
const noteFields = 6

func parseNote(fields []string) (n note, ok bool) {
	what, over := strings.CutSuffix(fields[0], "!")
	n.kind, n.over, n.text = map[string]kind{"f": regular, "l": symlink, "d": folder}[what], over, fields[4]
	var err1, err2, err3 error
	n.ino, err1 = strconv.ParseUint(fields[1], 10, 64)
	n.size, err2 = strconv.ParseInt(fields[2], 10, 64)
	n.mtime, err3 = strconv.ParseInt(fields[3], 10, 64)
	return n, n.kind != absent && err1 == nil && err2 == nil && err3 == nil
}

func (n note) append(b []byte) []byte {
	b = append(b, map[kind]string{regular: "f", symlink: "l", folder: "d"}[n.kind]...)
	if n.over {
		b = append(b, '!')
	}
	b = strconv.AppendUint(append(b, 0), n.ino, 10)
	b = strconv.AppendInt(append(b, 0), n.size, 10)
	b = strconv.AppendInt(append(b, 0), n.mtime, 10)
	return append(append(append(b, 0), n.text...), 0)
}

// write makes the journal durable, once for everything new.
func (j *journal) write(root *rootDir) error {
	if !j.fresh {
		return nil
	}
	var b []byte
	for name, last := range j.notes {
		for _, n := range append(slices.Clone(j.past[name]), last) { // the last one is the last
			b = n.append(append(append(b, name...), 0))
		}
	}
	usr, err := root.folder(up(journalName))
	if err == nil {
		err = writeIn(usr, path.Base(journalName), b)
		_ = unix.Close(usr)
	}
	if err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	j.fresh, j.there = false, true
	return nil
}

// writeIn replaces a file in an open folder, durably. The temporary name is one of
// those that the next run takes away, which atomicfile's would not be.
func writeIn(dir int, name string, content []byte) error {
	const temp = temporary + ".journal"
	fd, err := unix.Openat(dir, temp, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	file := os.NewFile(uintptr(fd), temp)
	_, err = file.Write(content)
	if err == nil {
		err = file.Sync()
	}
	if fail := file.Close(); err == nil {
		err = fail
	}
	if err == nil {
		err = unix.Renameat(dir, temp, dir, name)
	}
	if err != nil {
		_ = unix.Unlinkat(dir, temp, 0)
		return err
	}
	return unix.Fsync(dir)
}

// forget drops the notes of the folders that are merged, and the file with the
// last.
func (j *journal) forget(f *Found, root *rootDir) error {
	for name := range j.notes {
		if !f.refuses(name) {
			j.remove(name)
		}
	}
	if !j.there {
		return nil
	}
	if len(j.notes) > 0 {
		j.fresh = true
		return j.write(root)
	}
	j.there = false
	return root.discard(journalName)
}

// refuses tells whether a path of /usr belongs to a folder that is refused.
func (f *Found) refuses(name string) bool {
	return slices.ContainsFunc(f.tops, func(t *top) bool { return t.State == StateRefused && !t.leftover && within(name, t.new) })
}

// writeDown notes what the coming phases put into /usr, before the first of it.
func (a *applier) writeDown() error {
	for _, t := range a.found.tops {
		switch {
		case t.State == StateRefused || t.leftover:
		case t.State == StateAlias:
			a.noteAliases(&t.tree, t.new)
		default:
			a.noteEntries(&t.tree, t.new, false)
		}
	}
	return a.made.write(a.root)
}

// noteEntries notes what comes below a path; over tells that the path was there
// before, by way of a symlink.
func (a *applier) noteEntries(e *entry, new string, over bool) {
	const named = actFolder | actMirror | actLink | actRelink | actTake | actDisplace | actIndex
	if e.todo&named == 0 {
		return
	}
	if e.act&named != 0 && (!e.cross || e.o.kind == symlink || e.o.kind == folder) {
		text := e.text
		if text == e.o.text && e.act != actRelink && !e.cross {
			text = "" // a hard link
		}
		n := noteOf(&e.o, text, e.act)
		if e.n != nil && a.made.ours(new, e.n) { // it comes in the place of our own
			n.over = a.made.notes[new].over
		}
		n.over = n.over || over
		a.made.add(new, n)
	}
	for i := range e.kids {
		a.noteEntries(&e.kids[i], path.Join(new, e.kids[i].name), over || e.act == actMirror)
	}
}

func (a *applier) noteAliases(e *entry, new string) {
	if e.act == actAlias {
		a.made.add(new, note{kind: symlink, text: e.text, over: e.n != nil})
	}
	for i := range e.kids {
		a.noteAliases(&e.kids[i], path.Join(new, e.kids[i].name))
	}
}

// dropped finds what an earlier run made of entries that the old place has not any
// more.
func (s *scanner) dropped() {
	for name := range s.made.notes {
		for _, t := range s.found.tops {
			if !within(name, t.new) || t.leftover || t.State != StateMerge && t.State != StateAlias && t.State != StateAbsent || s.refusedNow(t) {
				continue
			}
			if name == t.new || s.has(t, name[len(t.new)+1:]) {
				continue
			}
			if f, err := s.root.lstat(name); err == nil && s.made.ours(name, &f) {
				s.found.drops = append(s.found.drops, name)
			}
		}
	}
	heapsort.Strings(s.found.drops) // each folder before what is in it
}

// has tells whether the old place of a top folder has a path; that of an alias is
// where it leads to.
func (s *scanner) has(t *top, name string) bool {
	if t.State != StateAlias {
		return t.tree.has(steps(name))
	}
	_, err := s.root.lstat(path.Join(t.goal.place(), name))
	return !gone(err) || t.goal.tree.has(steps(name))
}

// has tells whether a folder has a path. What lies in a folder that went over
// whole was not made by us.
func (e *entry) has(names []string) bool {
	for _, name := range names {
		if e.act == actCarry || e.o.kind != folder && e.o.kind != absent {
			return true
		}
		if e = e.lookup([]string{name}); e == nil {
			return false
		}
	}
	return true
}

func (s *scanner) refusedNow(t *top) bool {
	return slices.ContainsFunc(s.newly, func(r Refusal) bool { return r.Dir == t.Name })
}

// drop removes those.
func (a *applier) drop() error {
	err := a.unmake(a.found.drops)
	a.found.drops = nil
	return err
}

// unmake removes what was made, the deepest first. A folder that is not empty
// stays.
func (a *applier) unmake(names []string) error {
	for i := len(names) - 1; i >= 0; i-- {
		name := names[i]
		dir, err := a.root.folder(up(name))
		if lost(err) {
			continue
		}
		if err != nil {
			return err
		}
		flags := 0
		if a.made.notes[name].kind == folder {
			flags = unix.AT_REMOVEDIR
		}
		err = unix.Unlinkat(dir, path.Base(name), flags)
		_ = unix.Close(dir)
		if err != nil && !gone(err) && !errors.Is(err, unix.ENOTEMPTY) && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("remove %s: %w", shown(name), err)
		}
		a.made.remove(name)
	}
	return nil
}

// withdraw takes out of /usr again what was made for a folder that turned out to
// be refused: it stays as it was, so nobody would keep the links up to date.
func (a *applier) withdraw() error {
	var names []string
	for name := range a.made.notes {
		f, err := a.root.lstat(name)
		if err == nil && a.found.refuses(name) && !a.made.notes[name].over && a.made.ours(name, &f) {
			names = append(names, name)
		}
	}
	heapsort.Strings(names)
	if err := a.unmake(names); err != nil {
		return err
	}
	clear(a.made.notes)
	clear(a.made.past)
	return a.made.forget(a.found, a.root)
}
