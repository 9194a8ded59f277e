package usrmerge

import (
	"errors"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// orphan decides where an entry goes that gives way to /usr's, or that it is
// there already.
func (s *scanner) orphan(d *both, e *entry) error {
	to, settled, err := s.shelf(path.Join(d.old, e.name), spot{d.ofd, e.name, &e.o})
	if e.to = to; settled {
		e.act = actSettled
	}
	return s.shelved(d, err)
}

// displaced decides where a symlink of /usr goes in whose place something comes.
func (s *scanner) displaced(d *both, e *entry) error {
	name := newName(d, e)
	to, _, err := s.shelf(path.Join(d.new, name), spot{d.nfd, name, e.n})
	e.to = to
	return s.shelved(d, err)
}

func (s *scanner) shelved(d *both, err error) error {
	if err != nil {
		return s.refuse(d.t, s.o.Orphans, "cannot be used for orphans: "+cause(err), "see what is wrong with it, or choose another folder with orphans=")
	}
	return nil
}

// shelf finds the place of an orphan.
func (s *scanner) shelf(name string, at spot) (to string, settled bool, err error) {
	if s.orphans == -1 {
		if s.orphans, err = s.openOrphans(); err != nil {
			return "", false, err
		}
	}
	if s.orphans < 0 {
		return path.Join(s.o.Orphans, name), false, nil
	}
	to, settled, err = s.equal.shelf(s.orphans, name, at)
	return path.Join(s.o.Orphans, to), settled, err
}

func (s *scanner) openOrphans() (int, error) {
	at, err := s.root.canonical(s.o.Orphans, false)
	if gone(err) {
		return -2, nil
	}
	if err != nil {
		return -1, err
	}
	fd, err := s.root.folder(at)
	if err != nil {
		return -1, err
	}
	names, err := s.list(fd)
	for _, n := range names {
		if strings.HasPrefix(n.name, temporary) {
			s.temp(path.Join(at, n.name))
		}
	}
	return fd, err
}

// shelf walks down the open folder of the orphans. A name that something else
// has taken is left to it: name.1, name.2 and so on are tried. It is settled if
// an equal entry is there already.
func (c *comparer) shelf(base int, name string, at spot) (to string, settled bool, err error) {
	dir, err := openFolder(base, ".")
	if err != nil {
		return "", false, err
	}
	defer func() { _ = unix.Close(dir) }()
	all := steps(name)
	for i, step := range all {
		last := i == len(all)-1
		for try := 0; ; try++ {
			one := numbered(step, try)
			f, err := statLink(dir, one)
			if gone(err) {
				return path.Join(append([]string{to, one}, all[i+1:]...)...), false, nil
			}
			if err != nil {
				return "", false, err
			}
			if last {
				if settled, err = c.entries(at, spot{dir, one, &f}); err != nil || settled {
					return path.Join(to, one), settled, err
				}
			} else if f.kind == folder {
				next, err := openFolder(dir, one)
				if err != nil {
					return "", false, err
				}
				_ = unix.Close(dir)
				dir, to = next, path.Join(to, one)
				break
			}
		}
	}
	return "", false, errors.New("no name")
}

// numbered is the name of the nth try; a name of 255 bytes makes room for the
// number.
func numbered(name string, try int) string {
	if try == 0 {
		return name
	}
	suffix := "." + strconv.Itoa(try)
	return name[:min(len(name), 255-len(suffix))] + suffix
}
