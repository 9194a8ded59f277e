package pack

import (
	"errors"
	"fmt"
	"os"
	"path"

	"golang.org/x/sys/unix"

	"moss/store/stone"
	"moss/store/tree"
)

// TakenError says that the folder holds something where a package wants to put
// its own.
type TakenError struct{ Path, Package, Dir, Why string }

func (e *TakenError) Error() string {
	return fmt.Sprintf("extract /usr/%s of %s into %s: %s", e.Path, e.Package, e.Dir, e.Why)
}

// Unwrap makes it one of the refused paths.
func (e *TakenError) Unwrap() error { return tree.ErrPath }

// Hint says how to get the files all the same.
func (e *TakenError) Hint() string { return "extract into an empty folder" }

// target is the folder that is extracted into, held open: paths below it are
// resolved by the kernel from there, without symlinks.
type target struct {
	dir     string
	base    *os.File
	scratch string // private, on the same file system, gone at the end
	root    bool   // owners and privileged attributes can be set
	made    map[string]bool
	uses    map[stone.Hash]int // paths that still need a content
}

func openTarget(dir string, merged *tree.Tree) (*target, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	base, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	scratch, err := os.MkdirTemp(dir, ".moss-extract-")
	if err != nil {
		return nil, errors.Join(err, base.Close())
	}
	t := &target{dir: dir, base: base, scratch: scratch, root: os.Geteuid() == 0,
		made: map[string]bool{}, uses: map[stone.Hash]int{}}
	for _, e := range merged.Entries {
		if e.IsRegular() {
			t.uses[e.Hash]++
		}
	}
	return t, nil
}

func (t *target) close() error { return errors.Join(os.RemoveAll(t.scratch), t.base.Close()) }

// folder opens the folder /usr/name of the target; "." is usr itself. A symlink
// anywhere on the way is an error (ELOOP), wherever it leads.
func (t *target) folder(name string, flags int) (*os.File, error) {
	full := path.Join("usr", name)
	fd, err := unix.Openat2(int(t.base.Fd()), full, &unix.OpenHow{
		Flags:   uint64(unix.O_DIRECTORY | unix.O_CLOEXEC | flags),
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
	})
	if err != nil {
		return nil, &os.PathError{Op: "open folder", Path: path.Join(t.dir, full), Err: err}
	}
	return os.NewFile(uintptr(fd), full), nil
}

// inFolder lends the folder that name is in.
func (t *target) inFolder(name string, work func(fd int, base string) error) error {
	f, err := t.folder(path.Dir(name), unix.O_PATH)
	if err != nil {
		return err
	}
	return errors.Join(work(int(f.Fd()), path.Base(name)), f.Close())
}

// vacant finds what is in the way before anything is written. A path whose
// folder is not there yet is free, and so is all that is below it.
func (t *target) vacant(merged *tree.Tree, stones []openStone) error {
	missing := map[string]bool{}
	for _, e := range merged.Entries {
		if missing[path.Dir(e.Path)] {
			missing[e.Path] = true
			continue
		}
		free, why, err := t.free(e)
		if err != nil {
			return err
		}
		if why != "" {
			label := "the packages"
			if e.Owner != tree.Implied {
				label = stones[e.Owner].label()
			}
			return &TakenError{Path: e.Path, Package: label, Dir: t.dir, Why: why}
		}
		missing[e.Path] = free
	}
	return nil
}

// free says whether nothing is at e's path, or why what is there is in the way.
func (t *target) free(e tree.Entry) (free bool, why string, err error) {
	var st unix.Stat_t
	err = t.inFolder(e.Path, func(fd int, base string) error {
		return unix.Fstatat(fd, base, &st, unix.AT_SYMLINK_NOFOLLOW)
	})
	switch {
	case errors.Is(err, unix.ENOENT):
		return true, "", nil
	case errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENOTDIR):
		return false, "a folder on the way to it is a symlink or a file", nil
	case err != nil:
		return false, "", err
	case e.IsDir() && st.Mode&unix.S_IFMT == unix.S_IFDIR:
		return false, "", nil
	}
	return false, "something is there already", nil
}
