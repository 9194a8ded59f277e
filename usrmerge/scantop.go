package usrmerge

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"moss/internal/mount"
)

// temporary is how every name begins that a merge gives and takes away again.
const temporary = ".moss-usr-merge"

// top is one of the folders that are merged.
type top struct {
	DirPlan
	path  string // bin
	new   string // usr/bin
	text  string // usr/bin, or bin from usr/sbin
	spare string // .moss-usr-merge-bin
	// at is where the old folder lies: path, or spare after the exchange.
	at string
	// leftover: exchanged by an earlier run and not yet removed.
	leftover bool
	facts    facts
	goal     *top // of an alias
	tree     entry
	needs    needs
}

func newTop(dir string) *top {
	t := &top{DirPlan: DirPlan{Name: dir}, path: dir, new: "usr/" + dir}
	if dir == deepDir {
		t.new = "usr/bin"
	}
	t.text = relative(up(dir), t.new)
	t.spare = path.Join(up(dir), temporary+"-"+path.Base(dir))
	t.at = dir
	return t
}

// place is where the top folder is, or will be: not every symlink into /usr has
// the text that we would give it (lib64 -> usr/lib).
func (t *top) place() string {
	if t.State == StateMerged && !t.leftover {
		return lexical(up(t.path), t.Target)
	}
	return t.new
}

// source is the folder that an alias of this one shows.
func (t *top) source() string {
	if t.State == StateMerged && !t.leftover {
		return t.place()
	}
	return t.at
}

// states looks at the top names themselves, and at what an earlier run left
// beside them.
func (s *scanner) states() error {
	var tops []*top
	for _, dir := range s.all {
		t := newTop(dir)
		if dir == deepDir && s.dirs[0] != deepDir {
			continue // its turn is later
		}
		if err := s.state(t); err != nil {
			return err
		}
		tops = append(tops, t)
	}
	for _, t := range tops {
		if t.State == StateAlias {
			s.aim(t, tops)
		}
	}
	s.mapping.pairs = nil
	for _, t := range tops {
		s.pairs = append(s.pairs, s.moved(t)...)
	}
	for _, t := range tops {
		for _, dir := range s.dirs {
			if dir == t.Name {
				s.found.tops = append(s.found.tops, t)
			}
		}
	}
	return nil
}

// moved is what a top folder adds to the mapping of paths.
func (s *scanner) moved(t *top) []moved {
	if t.leftover && t.State != StateRefused {
		return []moved{{old: t.path, new: t.new, at: t.at, live: true}}
	}
	switch t.State {
	case StateMerge:
		return []moved{{old: t.path, new: t.new, at: t.at, live: true}}
	case StateAlias:
		return []moved{{old: t.path, new: t.new, alias: t.goal.place()}}
	case StateMerged:
		return []moved{{old: t.path, new: t.place()}}
	}
	return nil
}

func (s *scanner) state(t *top) error {
	if err := s.beside(t); err != nil {
		return err
	}
	f, err := s.root.lstat(t.path)
	if gone(err) {
		t.State = StateAbsent
		return nil
	}
	if err != nil {
		t.State = StateRefused
		_ = s.refuse(t, t.path, "cannot be read: "+cause(err), "check the file system")
		return nil
	}
	t.facts = f
	switch {
	case f.kind == symlink:
		s.stateOfLink(t)
	case f.kind == folder:
		t.State, t.Target = StateMerge, t.text
	default:
		_ = s.refuse(t, t.path, "is "+f.kind.String()+" and no folder", "look what put it there, and remove it")
	}
	if _, ok := s.refused[t.Name]; ok {
		t.State, t.Target = StateRefused, f.text
	}
	return nil
}

func (s *scanner) stateOfLink(t *top) {
	t.Target = t.facts.text
	to := lexical(up(t.path), t.facts.text)
	switch {
	case within(to, "usr") && to != "usr" && to != t.path:
		t.State = StateMerged
	case validDir(to) == nil && to != t.path && t.path != deepDir:
		t.State = StateAlias
	default:
		_ = s.refuse(t, t.path, "is a symlink to "+shown(to)+", which is not in /usr", "make it a symlink to "+t.text+", or a folder")
	}
}

// aim finds the folder that an alias stands for.
func (s *scanner) aim(t *top, tops []*top) {
	at, why, hint := t, "is a symlink that leads back to itself", "make it a symlink to "+t.text
	for range tops {
		to := lexical(up(at.path), at.facts.text)
		i := slices.IndexFunc(tops, func(other *top) bool { return other.path == to })
		if i < 0 {
			why, hint = "is a symlink to "+shown(to)+", which is not to be merged", "name it in dirs= as well"
			break
		}
		at = tops[i]
		if at.State == StateMerge || at.State == StateMerged {
			t.goal, t.Target = at, t.text
			return
		}
		if at.State != StateAlias {
			why, hint = "is a symlink to "+shown(to)+", which is "+at.State, "see what is said of "+shown(to)
			break
		}
	}
	t.State = StateRefused
	_ = s.refuse(t, t.path, why, hint)
}

// beside looks at the name under which the symlink waits before the exchange
// and the old folder after it.
func (s *scanner) beside(t *top) error {
	f, err := s.root.lstat(t.spare)
	switch {
	case gone(err):
		return nil
	case err != nil:
		return err
	case f.kind == symlink:
		s.found.temps = append(s.found.temps, t.spare)
		return nil
	case f.kind == folder:
		t.leftover, t.at = true, t.spare
		return nil
	}
	return &fs.PathError{Op: "merge", Path: shown(t.spare), Err: errors.New("is " + f.kind.String() + " under a name of the merge; remove it")}
}

// usable refuses everything if nothing can be written.
func (s *scanner) usable() {
	var st unix.Statfs_t
	const overlay, fuse = 0x794c7630, 0x65735546 // OVERLAYFS_SUPER_MAGIC, FUSE_SUPER_MAGIC: linux/magic.h
	why, hint, at := "", "", "/"
	if unix.Fstatfs(s.root.fd, &st) == nil {
		s.overlay = st.Type == overlay || st.Type == fuse
		if st.Flags&unix.ST_RDONLY != 0 {
			why, hint = "is mounted read-only", "mount it writable: mount -o remount,rw /"
		}
	}
	usr, err := s.root.lstat("usr")
	s.usr = usr
	switch {
	case err != nil || usr.kind != folder:
		why, hint, at = "is no folder", "there is nothing to merge into", "/usr"
	case usr.frozen:
		why, hint, at = "is immutable", "chattr -i /usr", "/usr"
	default:
		fd, err := s.root.folder("usr")
		if err == nil && why == "" && unix.Fstatfs(fd, &st) == nil && st.Flags&unix.ST_RDONLY != 0 {
			why, hint, at = "is mounted read-only", "mount it writable: mount -o remount,rw /usr", "/usr"
		}
		if err == nil {
			_ = unix.Close(fd)
		}
	}
	if root, err := s.root.lstat(""); err == nil {
		if root.mount == 0 {
			s.mounts = s.mounted()
		}
		if root.frozen {
			why, hint, at = "is immutable", "chattr -i /", "/"
		}
	}
	if why == "" {
		return
	}
	s.found.blocked = true
	for _, t := range s.found.tops {
		if t.State == StateMerge || t.State == StateAlias || t.leftover {
			_ = s.refuse(t, at, why, hint)
		}
	}
}

// mounted lists the mount points below the root for kernels whose statx(2) does
// not tell (before Linux 5.8). Without /proc nothing is mounted yet.
func (s *scanner) mounted() map[string]bool {
	all := map[string]bool{}
	points, err := mount.Self()
	if err != nil {
		return all
	}
	base := strings.TrimSuffix(s.root.path, "/") + "/"
	for _, p := range points {
		if name, ok := strings.CutPrefix(p.Path, base); ok {
			all[name] = true
		}
	}
	return all
}

// cause is an error without the path that it names.
func cause(err error) string {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err.Error()
	}
	return err.Error()
}
