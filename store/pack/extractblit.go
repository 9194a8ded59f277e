package pack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"moss/store/stone"
	"moss/store/tree"
)

// prove brings the contents of a stone into the scratch folder. When it returns
// nil each of them matches its hash, which is its name there.
func (t *target) prove(ctx context.Context, s openStone) error {
	err := s.reader.Contents(t.scratch, func(e stone.IndexEntry, r io.Reader) error {
		if err := ctx.Err(); err != nil || t.uses[e.Hash] == 0 {
			return err
		}
		err := writeNew(t.scratchPath(e.Hash), r)
		if errors.Is(err, fs.ErrExist) {
			return nil // another stone brought it along, proved
		}
		return err
	})
	if err != nil {
		return Damage(s.file, fmt.Errorf("extract %s: %w", s.file, err))
	}
	return nil
}

// blit gives everything its place.
func (t *target) blit(ctx context.Context, merged *tree.Tree) error {
	if err := t.folders(merged); err != nil {
		return err
	}
	for _, e := range merged.Entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := t.put(e.Layout); err != nil {
			return fmt.Errorf("write /usr/%s: %w", e.Path, err)
		}
	}
	return t.dressFolders(merged)
}

// folders makes all folders, parents first, closed to everybody else: their
// own modes come last, when nothing has to be written into them any more.
func (t *target) folders(merged *tree.Tree) error {
	err := unix.Mkdirat(int(t.base.Fd()), "usr", 0o700)
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return &fs.PathError{Op: "mkdir", Path: filepath.Join(t.dir, "usr"), Err: err}
	}
	t.made["."] = err == nil
	for _, e := range merged.Entries {
		if !e.IsDir() {
			continue
		}
		err := t.inFolder(e.Path, func(fd int, base string) error { return unix.Mkdirat(fd, base, 0o700) })
		if err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("make folder /usr/%s: %w", e.Path, err)
		}
		t.made[e.Path] = err == nil
	}
	return nil
}

// dressFolders gives folders their modes, deepest first: a folder may be closed
// even to the one who made what is in it. A folder that was there before and
// that no package describes stays as it is.
func (t *target) dressFolders(merged *tree.Tree) error {
	usr := tree.Entry{Layout: stone.Layout{Path: ".", Mode: unix.S_IFDIR | 0o755}, Owner: tree.Implied}
	for _, e := range slices.Backward(append([]tree.Entry{usr}, merged.Entries...)) {
		if !e.IsDir() || e.Owner == tree.Implied && !t.made[e.Path] {
			continue
		}
		f, err := t.folder(e.Path, unix.O_RDONLY)
		if err != nil {
			return err
		}
		if err := errors.Join(t.dress(f, e.Layout), f.Close()); err != nil {
			return fmt.Errorf("finish folder /usr/%s: %w", e.Path, err)
		}
	}
	return nil
}

func (t *target) scratchPath(h stone.Hash) string { return filepath.Join(t.scratch, h.String()) }

func writeNew(name string, r io.Reader) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return cmp.Or(err, f.Close())
}

func (t *target) put(l stone.Layout) error {
	switch {
	case l.IsRegular():
		return t.file(l)
	case l.IsSymlink():
		return t.inFolder(l.Path, func(fd int, base string) error {
			if err := unix.Symlinkat(l.Target, fd, base); err != nil || !t.root {
				return err
			}
			return unix.Fchownat(fd, base, int(l.UID), int(l.GID), unix.AT_SYMLINK_NOFOLLOW)
		})
	}
	return nil
}

// file takes the content, or a copy of it while other paths still need it: hard
// links would share the mode and the owner too.
func (t *target) file(l stone.Layout) error {
	name := t.scratchPath(l.Hash)
	if l.Hash == stone.EmptyHash() || t.uses[l.Hash] > 1 {
		t.uses[l.Hash]--
		from := name
		name = filepath.Join(t.scratch, "copy")
		if err := copyTo(name, from, l.Hash == stone.EmptyHash()); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(t.dress(f, l), f.Close()); err != nil {
		return err
	}
	return t.inFolder(l.Path, func(fd int, base string) error {
		return unix.Renameat2(unix.AT_FDCWD, name, fd, base, unix.RENAME_NOREPLACE)
	})
}

func copyTo(name, from string, empty bool) error {
	if empty {
		return writeNew(name, strings.NewReader(""))
	}
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	return writeNew(name, f)
}

// dress sets owner, extended attributes and mode, in this order: chown clears
// setuid bits and file capabilities (chown(2), capabilities(7)), and a mode
// without w keeps the owner from setting user attributes. An ordinary
// user gets the plain mode: with another owner the setuid bit would grant
// something else than the package meant.
func (t *target) dress(f *os.File, l stone.Layout) error {
	mode := l.Mode & 0o7777
	if t.root {
		if err := f.Chown(int(l.UID), int(l.GID)); err != nil {
			return err
		}
	} else {
		mode &^= 0o6000
	}
	for _, x := range l.Xattrs {
		if !t.root && !strings.HasPrefix(x.Name, "user.") {
			continue
		}
		if err := unix.Fsetxattr(int(f.Fd()), x.Name, x.Value, 0); err != nil {
			return fmt.Errorf("set xattr %s: %w", x.Name, err)
		}
	}
	if err := unix.Fchmod(int(f.Fd()), mode); err != nil {
		return &fs.PathError{Op: "chmod", Path: f.Name(), Err: err}
	}
	return nil
}
