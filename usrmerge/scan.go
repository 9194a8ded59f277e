package usrmerge

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Found is what Scan saw.
type Found struct {
	job     *job
	tops    []*top
	drops   []string // made by an earlier run of what the old place lost since
	temps   []string // what an earlier run left under temporary names, paths below the root
	refused []Refusal
	needs   needs
	overlay bool   // inode numbers of a listing mean nothing
	blocked bool   // nothing can be written at all
	looked  int64  // when it began to look, in nanoseconds since 1970
	later   *Found // folders below /usr: their merge begins after that of the others
}

// job is one run: what is known from one scan to the next.
type job struct {
	o    Options
	dirs []string // those of this pass
	all  []string
	root *rootDir
	// equal remembers contents that were compared.
	equal *comparer
	// whole and links are the folders, by old path, that the kernel would not
	// carry or link from (overlayfs, project quotas).
	whole, links map[string]bool
	// stuck are refusals that only the attempt has shown.
	stuck []Refusal
	// again: both sides were looked at before in this run.
	again bool
	// made is what this run and those before it put into /usr.
	made *journal
}

// Scan reads both sides of every top folder. It writes nothing. The error is for
// a root or options that make no sense; what stands in the way of a merge is a
// refusal in the plan.
func Scan(o Options) (*Found, error) {
	j, err := newJob(o)
	if err != nil {
		return nil, err
	}
	defer j.root.close()
	return j.scan()
}

func newJob(o Options) (*job, error) {
	if !path.IsAbs(o.Root) {
		return nil, fmt.Errorf("root %q is no absolute path", o.Root)
	}
	if o.Dirs == nil {
		o.Dirs = DefaultDirs()
	}
	if o.Orphans == "" {
		o.Orphans = DefaultOrphans
	}
	o.Orphans = path.Clean("/" + o.Orphans)[1:]
	for _, dir := range o.Dirs {
		if err := validDir(dir); err != nil {
			return nil, err
		}
		if within(o.Orphans, dir) {
			return nil, fmt.Errorf("orphans folder /%s lies in /%s, which is merged; choose one outside", o.Orphans, dir)
		}
	}
	root, err := openRoot(o.Root)
	if err != nil {
		return nil, err
	}
	made, err := readJournal(root)
	if err != nil {
		root.close()
		return nil, err
	}
	return &job{o: o, all: o.Dirs, root: root, equal: newComparer(), whole: map[string]bool{}, links: map[string]bool{}, made: made}, nil
}

// validDir keeps /etc and the like from being merged by a slip of the pen.
func validDir(dir string) error {
	if dir == deepDir || dir == "bin" || dir == "sbin" {
		return nil
	}
	bits, ok := strings.CutPrefix(dir, "lib")
	if ok && strings.Trim(bits, "abcdefghijklmnopqrstuvwxyz0123456789") == "" {
		return nil
	}
	return fmt.Errorf("%q cannot be merged; folders are bin, sbin, lib with its variants (lib64), and %s", dir, deepDir)
}

// deepDir is the only folder below /usr that can be merged, into /usr/bin.
const deepDir = "usr/sbin"

// split takes the folders below /usr apart: their turn is later.
func (j *job) split() (tops, deep []string) {
	for _, dir := range j.all {
		if dir == deepDir {
			deep = append(deep, dir)
		} else {
			tops = append(tops, dir)
		}
	}
	return tops, deep
}

// scan reads the top folders, then those below /usr.
func (j *job) scan() (*Found, error) {
	tops, deep := j.split()
	j.dirs = tops
	f, err := j.pass()
	if err == nil && len(deep) > 0 {
		next := *j
		next.dirs = deep
		f.later, err = next.pass()
	}
	return f, err
}

// pass scans until no further folder is refused: what is refused stays where it
// is, and then the texts of symlinks into it must be others.
func (j *job) pass() (*Found, error) {
	refused := map[string]Refusal{}
	for _, r := range j.stuck {
		refused[r.Dir] = r
	}
	for {
		s := &scanner{job: j, refused: refused, orphans: -1}
		f, err := s.scan()
		s.close()
		if err != nil {
			return nil, err
		}
		if len(s.newly) == 0 {
			return f, nil
		}
		for _, r := range s.newly {
			refused[r.Dir] = r
		}
	}
}

// scanner is one look at both sides.
type scanner struct {
	*job
	mapping
	lister
	found   *Found
	refused map[string]Refusal
	newly   []Refusal
	overlay bool
	mounts  map[string]bool // nil: the kernel tells of each entry
	orphans int             // the open folder of the orphans, -1: not yet, -2: there is none
	usr     facts
}

func (s *scanner) close() {
	if s.orphans >= 0 {
		_ = unix.Close(s.orphans)
	}
}

func (s *scanner) scan() (*Found, error) {
	s.found = &Found{job: s.job, looked: time.Now().UnixNano()}
	if err := s.states(); err != nil {
		return nil, err
	}
	s.usable()
	for _, t := range s.found.tops {
		if t.State == StateMerge || t.leftover && t.State != StateRefused {
			if err := s.tree(t); err != nil && !refusedBy(err) {
				return nil, err
			}
		}
	}
	for _, t := range s.found.tops {
		if t.State == StateAlias {
			if err := s.alias(t); err != nil && !refusedBy(err) {
				return nil, err
			}
		}
	}
	s.dropped()
	for _, t := range s.found.tops {
		if r, ok := s.refused[t.Name]; ok {
			s.found.refused = append(s.found.refused, r)
		}
	}
	s.space()
	s.found.overlay = s.overlay
	return s.found, nil
}

// refuse notes why a top folder stays as it is.
func (s *scanner) refuse(t *top, name, why, hint string) error {
	r := Refusal{Dir: t.Name, Path: strings.TrimPrefix(name, "/"), Why: why, Hint: hint}
	if _, known := s.refused[t.Name]; !known {
		s.newly = append(s.newly, r)
	}
	return &refusalError{r}
}

// refusalError ends the walk through a top folder.
type refusalError struct{ Refusal }

func (e *refusalError) Error() string { return e.said() }

func refusedBy(err error) bool {
	_, ok := errors.AsType[*refusalError](err)
	return ok
}
