package usrmerge

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"moss/store/activate"
)

// Check tells whether a root is merged and whole: every top folder leads into
// /usr or is absent, nothing of a merge is left over, and /bin/sh and /sbin/init
// resolve with every library that they need.
func Check(o Options) error {
	j, err := newJob(o)
	if err != nil {
		return err
	}
	defer j.root.close()
	dirs, merged, err := j.merged()
	if err != nil {
		return err
	}
	for _, d := range dirs {
		if d.State != StateMerged && d.State != StateAbsent {
			return fmt.Errorf("/%s is not merged", d.Name)
		}
	}
	if !merged {
		return errors.New("an earlier merge is not at its end")
	}
	for _, d := range dirs {
		if _, err := j.root.canonical(d.Name, false); err != nil && d.State == StateMerged {
			return fmt.Errorf("/%s leads nowhere: %w", d.Name, err)
		}
	}
	return j.programs(vital())
}

// promise is what the complete marker says: merged and whole, and there is a
// system. A name that none can do without may be gone, lost by a merge that another
// program did; nothing would be found by it any more.
func promise(o Options) error {
	if err := Check(o); err != nil {
		return err
	}
	root, err := openRoot(o.Root)
	if err != nil {
		return err
	}
	defer root.close()
	if f, err := root.lstat("usr/bin"); err != nil || f.kind != folder && f.kind != symlink {
		return errors.New("/usr/bin is missing: there is no system here")
	}
	for _, name := range []string{"bin", "sbin", "lib"} {
		_, err := root.lstat(name)
		if f, there := root.lstat("usr/" + name); gone(err) && there == nil && f.kind == folder {
			return fmt.Errorf("/%s is missing and /usr/%[1]s is there: ln -s usr/%[1]s /%[1]s", name)
		}
	}
	return nil
}

// vital are the programs without which a system does not boot, or cannot be
// repaired.
func vital() []string { return []string{"/bin/sh", "/sbin/init"} }

// programs checks that programs which are there resolve, with their libraries.
// What the kernel would not start anyway is no program.
func (j *job) programs(names []string) error {
	states := activate.Open(j.root.path)
	for _, name := range names {
		if !j.isProgram(states, name) {
			continue
		}
		if _, _, _, err := states.Needs(states.Usr(), name); err != nil {
			return err
		}
	}
	return nil
}

func (j *job) isProgram(states *activate.Root, name string) bool {
	at, err := j.root.canonical(filepath.Dir(name)[1:], false)
	if err != nil {
		return false
	}
	if _, err := j.root.lstat(filepath.Join(at, filepath.Base(name))); err != nil {
		return false
	}
	place, err := states.Locate(states.Usr(), name)
	if err != nil {
		return true // it leads nowhere, and Needs says so
	}
	fd, err := unix.Open(place, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return true
	}
	file := os.NewFile(uintptr(fd), place)
	defer file.Close()
	head := make([]byte, 4)
	n, _ := file.Read(head)
	return string(head[:n]) == "\x7fELF" || n > 1 && string(head[:2]) == "#!"
}

// running lists the vital programs that work now: those must work afterwards.
func (a *applier) running() (all []string) {
	for _, name := range vital() {
		if a.isProgram(activate.Open(a.root.path), name) && a.job.programs([]string{name}) == nil {
			all = append(all, name)
		}
	}
	return all
}

// check proves the merge while the old folders are still whole: every old path
// against the new, and the programs. If something is wrong all goes back.
func (a *applier) check() error {
	err := a.checkLinks()
	if err == nil {
		err = a.job.programs(a.programs)
	}
	if err == nil {
		a.found, err = a.job.pass()
	}
	if err == nil {
		err = a.checkRefused()
	}
	if err != nil {
		return errors.Join(err, a.back())
	}
	// What came between the last look and the exchange is newer than what /usr has.
	if !a.found.idle() {
		if err = a.gatherStragglers(); err == nil {
			a.found, err = a.job.pass()
		}
	}
	if err != nil {
		return err
	}
	return a.regenerate()
}

// checkRefused tells of old entries that cannot be compared any more.
func (a *applier) checkRefused() error {
	for _, r := range a.found.refused {
		for _, t := range a.swapped {
			if t.Name == r.Dir {
				return errors.New(r.said())
			}
		}
	}
	return nil
}

func (a *applier) checkLinks() error {
	for _, t := range a.swapped {
		f, err := a.root.lstat(t.path)
		if err != nil {
			return err
		}
		if f.kind != symlink || f.text != t.text {
			return fmt.Errorf("%s is not the symlink that was put there", shown(t.path))
		}
	}
	return nil
}
