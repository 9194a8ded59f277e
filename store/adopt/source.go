package adopt

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"moss/store/activate"
	"moss/store/state"
)

// RefusedError says why an installation cannot be taken over; nothing was changed.
type RefusedError struct{ What, Advice string }

func (e *RefusedError) Error() string { return e.What }

// Hint says what to do.
func (e *RefusedError) Hint() string { return e.Advice }

// LockedError says that AerynOS' moss is at work.
type LockedError struct{ Path string }

func (e *LockedError) Error() string { return "lock " + e.Path + ": held by AerynOS' moss" }

// Hint says what to do.
func (e *LockedError) Hint() string { return "wait until it has finished, then try again" }

// Source is an AerynOS installation that its own moss cannot change meanwhile.
type Source struct {
	root  string
	lock  *os.File // nil when there is no lock file: its moss never ran here
	trees *activate.Root
	live  state.ID // 0: there is no live tree

	known    map[state.ID]bool   // states that were taken over before
	states   []record            // by id
	highest  state.ID            // the highest number it ever gave
	packages map[string]*Package // those that a state selects, by id
}

// Open reads the databases of the installation on root and holds its lock until
// Close. It refuses with a *RefusedError or *LockedError and writes nothing.
func Open(root string) (*Source, error) {
	s := &Source{root: root, trees: activate.Open(root), known: map[state.ID]bool{}}
	if err := s.look(); err != nil {
		return nil, err
	}
	if err := s.hold(); err != nil {
		return nil, err
	}
	err := s.read()
	if err == nil {
		err = s.meet()
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close lets go of the lock.
func (s *Source) Close() error {
	if s.lock == nil {
		return nil
	}
	return s.lock.Close()
}

func (s *Source) path(parts ...string) string {
	return filepath.Join(append([]string{s.root, ".moss"}, parts...)...)
}

// look makes sure that this is an installation of the kind that can be taken over.
func (s *Source) look() error {
	if _, err := os.Stat(s.path("db", "state")); errors.Is(err, fs.ErrNotExist) {
		return &RefusedError{"adopt " + s.root + ": there is no AerynOS installation: " + s.path("db", "state") + " is missing",
			"name the right root with -D"}
	} else if err != nil {
		return err
	}
	info, err := os.Lstat(s.trees.Usr())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		target, _ := os.Readlink(s.trees.Usr())
		return &RefusedError{"adopt " + s.root + ": /usr is a symlink to " + target + ", as very old versions of AerynOS' moss made it",
			"update AerynOS with its own moss first; the next state it makes is a folder"}
	}
	return s.readLive()
}

// readLive learns which state runs. A live tree that does not say so cannot be
// guessed: the row that lacks an archive may be a phantom.
func (s *Source) readLive() (err error) {
	if s.live, err = activate.LiveID(s.trees.Usr()); err == nil || !errors.Is(err, activate.ErrUnsealed) {
		return err
	}
	if names, _ := os.ReadDir(s.trees.Usr()); len(names) == 0 {
		return nil
	}
	return &RefusedError{"adopt " + s.root + ": the live /usr does not say which state it is: .stateID is missing or damaged",
		"write the state's number (AerynOS' `moss state list`) into " + filepath.Join(s.trees.Usr(), ".stateID") + ", without a line end"}
}

// hold takes the lock of AerynOS' moss, which it keeps by flock. The file is
// opened for reading and never made: a lock file that is not there means that
// its moss cannot be running.
func (s *Source) hold() error {
	path := s.path(".moss-lockfile")
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open AerynOS' lock: %w", err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return errors.Join(&LockedError{path}, f.Close())
	}
	if err != nil {
		return errors.Join(fmt.Errorf("take AerynOS' lock %s: %w", path, err), f.Close())
	}
	s.lock = f
	return nil
}

// meet compares with what the own database has: a state that was taken over
// before is left alone, any other means that this root has a history of its own.
func (s *Source) meet() error {
	path := s.path("db", "moss.sqlite")
	db, err := state.View(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	own, err := db.States()
	if err = errors.Join(err, db.Close()); err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	theirs := map[state.ID]record{}
	for _, r := range s.states {
		theirs[r.ID] = r
	}
	for _, one := range own {
		if r, ok := theirs[one.ID]; !ok || !r.Created.Equal(one.Created) || r.Summary != one.Summary {
			return &RefusedError{fmt.Sprintf("adopt %s: the store has a state %d of its own (%s)", s.root, one.ID, one.Summary),
				"this root is in moss' hands already; see: moss state list"}
		}
		s.known[one.ID] = true
	}
	return nil
}
