package usrmerge

import (
	"errors"
	"fmt"
	"path"

	"golang.org/x/sys/unix"
)

// copyAll copies what has to change the device. Every copy waits under a
// temporary name until one sync has made all of them durable: half a file never
// has its name, however the power goes.
func (a *applier) copyAll() error {
	const copies = actLink | actTake | actDisplace | actIndex
	a.homes = map[[2]uint64]string{}
	err := a.each(actFold, func(d *both, e *entry) error {
		if e.cross && e.o.nlink > 1 && e.o.kind == regular {
			a.homes[[2]uint64{e.o.dev, e.o.ino}] = path.Join(d.new, newName(d, e))
		}
		return nil
	})
	staged := false
	if err == nil {
		err = a.each(copies, func(d *both, e *entry) error {
			if !e.cross || e.o.kind == symlink {
				return nil
			}
			staged = true
			if err := a.stage(d, e); err != nil {
				return fmt.Errorf("copy %s: %w", shown(path.Join(d.old, e.name)), err)
			}
			return a.step("copy")
		})
	}
	if err != nil || !staged {
		return err
	}
	if err = a.made.write(a.root); err == nil {
		err = a.sync()
	}
	if err == nil {
		err = a.step("staged")
	}
	if err == nil {
		err = a.each(actLink, a.place)
	}
	return err
}

// place gives a staged copy its name.
func (a *applier) place(d *both, e *entry) error {
	if !e.cross || e.as == "" {
		return nil
	}
	from := a.stagedIn(d)
	err := unix.Renameat2(from, e.as, d.nfd, e.name, unix.RENAME_NOREPLACE)
	if err != nil {
		_ = unix.Unlinkat(from, e.as, 0)
	}
	if err != nil && !changed(err) {
		return fmt.Errorf("place %s: %w", shown(path.Join(d.new, e.name)), err)
	}
	// Of several names the first may have been in /usr before, and be another now.
	n, fail := stat(d.nfd, e.name)
	if err == nil && fail == nil && e.o.nlink == 1 && n.nlink == 1 && a.made.ours(path.Join(d.new, e.name), &n) {
		a.equal.copied(&e.o, &n, a.found.looked)
	}
	return a.step("linked")
}

// stagedIn is the open folder in which the copies for a folder wait: one for all,
// or the folder itself if that is on yet another device (a btrfs subvolume).
func (a *applier) stagedIn(d *both) int {
	if a.stageDev == d.ndev {
		return a.stageFD
	}
	return d.nfd
}

// stage makes the copy of one entry. Names of one file stay names of one file.
func (a *applier) stage(d *both, e *entry) error {
	if err := a.openStage(); err != nil {
		return err
	}
	dir, name, key := a.stagedIn(d), a.temp(), [2]uint64{e.o.dev, e.o.ino}
	where := path.Join(d.new, name)
	if dir == a.stageFD {
		where = path.Join(staging, name)
	}
	many := e.o.nlink > 1 && e.o.kind == regular
	home := a.homes[key]
	var err error
	if !many || home == "" || a.linkFrom(home, dir, name) != nil {
		err = copyEntry(spot{d.ofd, e.name, &e.o}, dir, name)
	}
	if err == nil {
		err = a.copied(d, e, dir, name)
	}
	if err != nil {
		_ = unix.Unlinkat(dir, name, 0)
		if gone(err) {
			return nil
		}
		return err
	}
	e.as = name
	if many && home == "" {
		a.homes[key] = where
	}
	return nil
}

// copied writes down which copy will get a name.
func (a *applier) copied(d *both, e *entry, dir int, name string) error {
	f, err := stat(dir, name)
	if err == nil {
		a.made.add(path.Join(d.new, newName(d, e)), noteOf(&f, "", e.act))
	}
	return err
}

// linkFrom makes a further name of a copy.
func (a *applier) linkFrom(home string, dir int, name string) error {
	from, err := a.root.folder(up(home))
	if err != nil {
		return err
	}
	defer unix.Close(from)
	return unix.Linkat(from, path.Base(home), dir, name, 0)
}

// openStage makes the folder for copies. It has no default ACL, which they would
// get from it.
func (a *applier) openStage() error {
	if a.stageDev != 0 {
		return nil
	}
	usr, err := a.root.folder("usr")
	if err != nil {
		return err
	}
	defer unix.Close(usr)
	if err := unix.Mkdirat(usr, temporary, 0o700); err != nil && !errors.Is(err, unix.EEXIST) {
		return err
	}
	if err := setXattrs(usr, temporary, nil); err != nil {
		return err
	}
	if a.stageFD, err = openFolder(usr, temporary); err != nil {
		return err
	}
	f, err := stat(a.stageFD, "")
	a.stageDev = f.dev
	return err
}

// closeStage removes the folder, which is empty unless something failed.
func (a *applier) closeStage() error {
	if a.stageDev != 0 {
		_ = unix.Close(a.stageFD)
		a.stageDev = 0
	}
	return a.root.discard(staging)
}

// copyEntry copies an entry of any kind but a folder, with mode, owner,
// attributes and times. The name must be free.
func copyEntry(from spot, dir int, name string) error {
	switch from.kind {
	case symlink:
		return copySymlink(from, dir, name, from.text)
	case regular:
		return copyFile(from, dir, name)
	}
	mode := uint32(from.kind)<<12 | from.mode
	err := unix.Mknodat(dir, name, mode, int(from.rdev))
	if err == nil {
		err = unix.Fchownat(dir, name, int(from.uid), int(from.gid), unix.AT_SYMLINK_NOFOLLOW)
	}
	if err == nil {
		err = copyXattrs(from, dir, name)
	}
	if err == nil { // the umask took some of it, and the change of owner
		err = unix.Fchmodat(dir, name, from.mode, 0)
	}
	if err == nil {
		err = copyTimes(from, dir, name)
	}
	return err
}

func copySymlink(from spot, dir int, name, text string) error {
	err := unix.Symlinkat(text, dir, name)
	if err == nil {
		err = unix.Fchownat(dir, name, int(from.uid), int(from.gid), unix.AT_SYMLINK_NOFOLLOW)
	}
	if err == nil {
		err = copyXattrs(from, dir, name)
	}
	if err == nil {
		err = copyTimes(from, dir, name)
	}
	return err
}

func copyXattrs(from spot, dir int, name string) error {
	attrs, err := xattrs(from.dir, from.name)
	if err != nil {
		return err
	}
	return setXattrs(dir, name, attrs)
}

func copyTimes(from spot, dir int, name string) error {
	omit := unix.Timespec{Nsec: unix.UTIME_OMIT}
	return unix.UtimesNanoAt(dir, name, []unix.Timespec{omit, unix.NsecToTimespec(from.mtime)}, unix.AT_SYMLINK_NOFOLLOW)
}

func copyFile(from spot, dir int, name string) error {
	in, err := openFile(from)
	if err != nil {
		return err
	}
	defer unix.Close(in)
	out, err := unix.Openat(dir, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	defer unix.Close(out)
	if unix.IoctlFileClone(out, in) != nil {
		if err := copyData(in, out, from.facts); err != nil {
			return err
		}
	}
	// The owner first: a change of it takes away setuid bits and capabilities
	// (chown(2)). The mode last: the ACL sets a part of it.
	if err := unix.Fchown(out, int(from.uid), int(from.gid)); err != nil {
		return err
	}
	if err := copyXattrs(from, dir, name); err != nil {
		return err
	}
	if err := unix.Fchmod(out, from.mode); err != nil {
		return err
	}
	return copyTimes(from, dir, name)
}
