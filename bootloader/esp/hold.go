package esp

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"moss/internal/mount"
)

// Hold is what belongs to a Boot until it is closed.
type Hold struct {
	warnings []string

	mu sync.Mutex
	// folder is locked as long as somebody uses what is mounted in it; mounts are
	// the folders in it, in the order in which they were made.
	folder *os.File
	mounts []string
}

// hold makes the answer of what was found, and mounts what is not.
func (s *search) hold(system, entries spot) (Boot, error) {
	same := system.dir == entries.dir && system.part.Name == entries.part.Name
	h := &Hold{}
	err := s.take(h, &system, "esp")
	if same {
		entries = system
	} else if err == nil {
		err = s.take(h, &entries, "xbootldr")
	}
	if err != nil {
		return Boot{}, errors.Join(err, h.close())
	}
	s.strayed(system)
	h.warnings = append(h.warnings, s.notes...)
	b := Boot{ESP: system.dir, Dir: entries.dir, ESPPart: system.part, DirPart: entries.part}
	if len(h.warnings) > 0 || h.folder != nil {
		b.Hold = h
	}
	return b, nil
}

// strayed says it when the menu is not the one that was used to start: nothing
// that is written would be seen.
func (s *search) strayed(system spot) {
	if s.root == "/" && s.Explicit == "" && s.Device != "" && system.part.UUID != "" && system.part.UUID != s.device() {
		s.note("the loader was started from another partition (PARTUUID %s) than %s", s.device(), system)
	}
}

// take makes a spot usable and says what is wrong with it.
func (s *search) take(h *Hold, one *spot, name string) error {
	if one.dir == "" && s.passive {
		s.note("%s is not mounted", one.part.Node)
		return s.none()
	}
	if one.dir == "" {
		return s.mount(h, one, name)
	}
	if one.part.Dirty {
		h.warnings = append(h.warnings, fmt.Sprintf("%s was not unmounted cleanly before and may be damaged: umount %s; fsck.fat -p %s; mount %s",
			one, one.dir, one.part.Node, one.dir))
	}
	return nil
}

// mount puts a partition into the hold.
func (s *search) mount(h *Hold, one *spot, name string) error {
	s.check(h, one)
	if h.folder == nil {
		if err := h.make(s.Run); err != nil {
			return fmt.Errorf("make a folder to mount %s in: %w", one.part.Node, err)
		}
	}
	dir := filepath.Join(h.folder.Name(), name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	h.mounts = append(h.mounts, dir)
	if err := s.attach(one.part, dir); err != nil {
		elsewhere, _ := s.m.mounted(one.part)
		return &mountError{node: one.part.Node, elsewhere: elsewhere.Path, err: err}
	}
	one.dir, one.part.Ours, one.part.FSType = dir, true, fsType(dir)
	return nil
}

// check looks at a file system before it is mounted, and has it repaired. One
// that is mounted elsewhere for writing is marked for that reason.
func (s *search) check(h *Hold, one *spot) {
	node := one.part.Node
	busy := inUse(node)
	elsewhere, ok := s.m.mounted(one.part)
	readable := !busy || ok && slices.Contains(elsewhere.SuperOptions, "ro")
	if one.part.Dirty = s.m.dirty(one.part, readable); one.part.Dirty && !busy && !s.ReadOnly {
		if line := repair(node); line != "" {
			one.part.Dirty = s.m.dirty(one.part, true)
			h.warnings = append(h.warnings, line)
		}
	}
	if one.part.Dirty {
		h.warnings = append(h.warnings, fmt.Sprintf("%s was not unmounted cleanly and may be damaged: fsck.fat -p %s", node, node))
	}
}

// attach mounts a partition. Where somebody has it mounted read-only and all of
// them are programs that ask a question as this one would, it becomes writable;
// a mount that a person made, or that the kernel made read-only, stays what it is.
func (s *search) attach(p Part, dir string) error {
	err := mount.Private(p.Node, dir, s.types, s.ReadOnly)
	if !errors.Is(err, unix.EBUSY) || s.ReadOnly {
		return err
	}
	m := *s.m
	if m.points, _ = mount.Self(); !m.onlyBelow(p, s.Run) {
		return err
	}
	if err := mount.Private(p.Node, dir, s.types, true); err != nil {
		return err
	}
	return mount.Writable(dir)
}

// onlyBelow says that a partition is mounted, and only in folders of a hold.
func (m *machine) onlyBelow(p Part, run string) bool {
	some := false
	for _, point := range m.points {
		if d, ok := m.numbered(point.Major, point.Minor); ok && d.name == p.Name {
			if some = strings.HasPrefix(point.Path, filepath.Join(run, prefix)); !some {
				return false
			}
		}
	}
	return some
}

// fsType is what the kernel says is mounted.
func fsType(dir string) string {
	points, err := mount.Self()
	if err != nil {
		return ""
	}
	point, _ := mount.At(points, dir)
	return point.FSType
}

// inUse says that a device is mounted somewhere, perhaps where this process does
// not see it, or is part of another device.
func inUse(node string) bool {
	fd, err := unix.Open(node, unix.O_RDONLY|unix.O_EXCL|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err == nil {
		_ = unix.Close(fd)
	}
	return errors.Is(err, unix.EBUSY)
}

// prefix of the folders that holds are in.
const prefix = "boot-"

// make makes the locked folder, after it has cleaned up what killed processes
// left. Without a place for it, a system in repair, a temporary folder serves.
func (h *Hold) make(run string) error {
	gate, err := lockDir(run)
	if err != nil {
		dir, err := os.MkdirTemp("", "moss-"+prefix)
		if err != nil {
			return err
		}
		h.folder, err = os.Open(dir)
		return err
	}
	defer gate.Close() // and with it the lock
	sweep(run)
	dir, err := os.MkdirTemp(run, prefix)
	if err != nil {
		return err
	}
	if h.folder, err = os.Open(dir); err != nil {
		return err
	}
	return unix.Flock(int(h.folder.Fd()), unix.LOCK_EX)
}

// lockDir waits for the lock of a folder: who makes one in it and who removes
// what nobody uses exclude each other.
func lockDir(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// sweep removes the folders of processes that did not come to close theirs: the
// kernel gave up their locks. A partition that stays mounted stays marked unclean.
func sweep(run string) {
	left, err := filepath.Glob(filepath.Join(run, prefix+"*"))
	if err != nil {
		return
	}
	for _, dir := range left {
		f, err := os.Open(dir)
		if err != nil {
			continue
		}
		if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			empty, _ := filepath.Glob(filepath.Join(dir, "*"))
			_ = release(dir, empty) // what cannot go now goes the next time
		}
		f.Close()
	}
}

// release unmounts folders and removes them with the one that they are in. It
// never removes a file.
func release(dir string, mounts []string) error {
	var errs []error
	for _, one := range slices.Backward(mounts) {
		if err := mount.Unmount(one); err != nil {
			errs = append(errs, err)
			continue
		}
		errs = append(errs, os.Remove(one))
	}
	return errors.Join(append(errs, os.Remove(dir))...)
}

func (h *Hold) close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.folder == nil {
		return nil
	}
	err := release(h.folder.Name(), h.mounts)
	err = errors.Join(err, h.folder.Close())
	h.folder, h.mounts = nil, nil
	if err != nil {
		return fmt.Errorf("close boot partition: %w", err)
	}
	return nil
}
