package usrmerge

import (
	"errors"
	"fmt"
	"path"

	"golang.org/x/sys/unix"
)

// keepOrphans gives everything that must give way a name in the orphans folder.
// On another device it is copied there, and named when it is durable.
func (a *applier) keepOrphans() error {
	shelf := &shelves{applier: a, base: -1}
	defer shelf.close()
	err := a.each(actOrphan, func(d *both, e *entry) error {
		if err := shelf.put(path.Join(d.old, e.name), spot{d.ofd, e.name, &e.o}); err != nil {
			return fmt.Errorf("keep orphan %s: %w", shown(path.Join(d.old, e.name)), err)
		}
		return a.step("orphaned")
	})
	if err == nil {
		err = shelf.finish()
	}
	return err
}

// keepDisplaced does the same for the dangling symlinks of /usr, before anything
// comes in their place: nothing may be lost in between.
func (a *applier) keepDisplaced() error {
	shelf := &shelves{applier: a, base: -1}
	defer shelf.close()
	err := a.each(actDisplace, func(d *both, e *entry) error {
		name := newName(d, e)
		if err := shelf.put(path.Join(d.new, name), spot{d.nfd, name, e.n}); err != nil {
			return fmt.Errorf("keep orphan %s: %w", shown(path.Join(d.new, name)), err)
		}
		return a.step("orphaned")
	})
	if err == nil {
		err = shelf.finish()
	}
	return err
}

// shelves is the orphans folder while something is put into it.
type shelves struct {
	*applier
	base   int // -1: not open
	copied []shelved
}

// shelved is a copy that waits for its name.
type shelved struct {
	temp, name string
	facts      facts
}

func (s *shelves) close() {
	if s.base >= 0 {
		_ = unix.Close(s.base)
	}
}

// open makes the folder. Only root goes in: there may be a program with setuid
// among the orphans, an old one that nobody updates any more.
func (s *shelves) open() error {
	if s.base >= 0 {
		return nil
	}
	at, err := s.root.canonical(s.o.Orphans, true)
	if err != nil {
		return err
	}
	s.base, err = s.root.folder(at)
	return err
}

func (s *shelves) put(name string, at spot) error {
	if err := s.open(); err != nil {
		return err
	}
	err := s.named(name, at, func(dir int, one string) error { return unix.Linkat(at.dir, at.name, dir, one, 0) })
	if errors.Is(err, unix.EXDEV) || errors.Is(err, unix.EMLINK) {
		temp := s.temp()
		if err = copyEntry(at, s.base, temp); err == nil {
			s.copied = append(s.copied, shelved{temp, name, *at.facts})
		} else {
			_ = unix.Unlinkat(s.base, temp, 0)
		}
	}
	if gone(err) {
		return nil
	}
	return err
}

// named finds a free name, makes its folders, and lets do make the entry.
func (s *shelves) named(name string, at spot, do func(dir int, one string) error) error {
	for range 100 {
		to, settled, err := s.equal.shelf(s.base, name, at)
		if err != nil || settled {
			return err
		}
		dir, err := s.folders(up(to))
		if err != nil {
			return err
		}
		err = do(dir, path.Base(to))
		_ = unix.Close(dir)
		if !errors.Is(err, unix.EEXIST) {
			return err
		}
	}
	return unix.EEXIST
}

// folders opens a folder below that of the orphans and makes what is missing.
func (s *shelves) folders(name string) (int, error) {
	dir, err := openFolder(s.base, ".")
	for _, step := range steps(name) {
		if err != nil {
			return -1, err
		}
		if err = unix.Mkdirat(dir, step, 0o755); errors.Is(err, unix.EEXIST) {
			err = nil
		}
		next := -1
		if err == nil {
			next, err = openFolder(dir, step)
		}
		_ = unix.Close(dir)
		dir = next
	}
	return dir, err
}

// finish makes the copies durable, if any, and names them.
func (s *shelves) finish() error {
	if s.base < 0 {
		return nil
	}
	if len(s.copied) > 0 {
		if err := unix.Syncfs(s.base); err != nil {
			return fmt.Errorf("sync orphans: %w", err)
		}
	}
	for _, c := range s.copied {
		at := spot{s.base, c.temp, &c.facts}
		err := s.named(c.name, at, func(dir int, one string) error {
			return unix.Renameat2(s.base, c.temp, dir, one, unix.RENAME_NOREPLACE)
		})
		if err != nil {
			return fmt.Errorf("name orphan %s: %w", shown(c.name), err)
		}
		_ = unix.Unlinkat(s.base, c.temp, 0) // an equal one was there
	}
	if len(s.copied) > 0 {
		return unix.Syncfs(s.base)
	}
	return nil
}
