package store

import (
	"cmp"
	"errors"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"golang.org/x/sys/unix"

	"moss/store/asset"
	"moss/store/stone"
	"moss/store/tree"
	"moss/store/trigger"
)

// edit is the difference that a trigger made, against the tree it was shown.
type edit struct {
	gone     []string         // paths of the old tree to remove, with all below them
	set      []tree.Entry     // paths to put in, folders before their contents; Owner Implied: the trigger's
	contents []trigger.Change // the regular files among set that need a content
	more     bool             // more than paths were added
}

// newEdit compares changes with the tree. What was only touched is no change:
// it keeps its owner and stays the link that it is.
func newEdit(old *tree.Tree, changes []trigger.Change) *edit {
	e := &edit{}
	for _, one := range changes {
		before, existed := lookup(old.Entries, one.Path)
		now := tree.Entry{Layout: one.Layout, Size: one.Size, Owner: tree.Implied}
		switch {
		case one.Gone:
			if existed {
				e.gone = append(e.gone, one.Path)
			}
			continue
		case existed && !one.Alone && sameEntry(before.Layout, one.Layout):
			continue
		case existed && (one.Alone || before.IsDir() != now.IsDir()):
			e.gone = append(e.gone, one.Path)
		}
		e.more = e.more || existed
		e.set = append(e.set, now)
		if one.IsRegular() {
			e.contents = append(e.contents, one)
		}
	}
	e.more = e.more || len(e.gone) > 0
	return e
}

func lookup(sorted []tree.Entry, name string) (tree.Entry, bool) {
	i, found := slices.BinarySearchFunc(sorted, name, func(e tree.Entry, want string) int { return cmp.Compare(e.Path, want) })
	if !found {
		return tree.Entry{}, false
	}
	return sorted[i], true
}

// sameEntry compares everything that a state keeps of a path.
func sameEntry(a, b stone.Layout) bool {
	return a.Mode == b.Mode && a.UID == b.UID && a.GID == b.GID && a.Target == b.Target &&
		(!a.IsRegular() || a.Hash == b.Hash) && sameXattrs(a.Xattrs, b.Xattrs)
}

func sameXattrs(a, b []stone.Xattr) bool {
	if len(a) != len(b) {
		return false
	}
	for _, x := range a {
		if !slices.ContainsFunc(b, func(y stone.Xattr) bool { return x.Name == y.Name && slices.Equal(x.Value, y.Value) }) {
			return false
		}
	}
	return true
}

// result is the tree after the edit; old stays as it is. The owner is recorded
// even when it owns nothing: that it ran is what carrying over asks for.
func (e *edit) result(old *tree.Tree, owner string) *tree.Tree {
	drop := map[string]bool{}
	for _, name := range e.gone {
		drop[name] = true
		below := name + "/"
		from := sort.Search(len(old.Entries), func(i int) bool { return old.Entries[i].Path >= below })
		for _, one := range old.Entries[from:] {
			if !strings.HasPrefix(one.Path, below) {
				break
			}
			drop[one.Path] = true
		}
	}
	for _, one := range e.set {
		drop[one.Path] = true
	}
	t := &tree.Tree{Packages: append(slices.Clone(old.Packages), owner)}
	t.Entries = make([]tree.Entry, 0, len(old.Entries)+len(e.set))
	for _, one := range old.Entries {
		if drop[one.Path] {
			markEdited(t.Packages, one.Owner)
			continue
		}
		t.Entries = append(t.Entries, one)
	}
	for _, one := range e.set {
		one.Owner = len(t.Packages) - 1
		t.Entries = append(t.Entries, one)
	}
	slices.SortFunc(t.Entries, func(x, y tree.Entry) int { return cmp.Compare(x.Path, y.Path) })
	return t
}

// markEdited notes that what a trigger made is no longer all there under its
// name: another one took it over, and it must not be carried over either.
func markEdited(packages []string, owner int) {
	if owner != tree.Implied && strings.HasPrefix(packages[owner], TriggerOwner) && !strings.HasSuffix(packages[owner], editsMark) {
		packages[owner] += editsMark
	}
}

// toDisk does the edit in the stage. os.Root lets no link lead out of it.
func (e *edit) toDisk(usr string, contents *asset.Batch) error {
	root, err := os.OpenRoot(usr)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, name := range e.gone {
		if err := root.RemoveAll(name); err != nil {
			return err
		}
	}
	for _, one := range e.set {
		if err := put(root, one, contents); err != nil {
			return err
		}
	}
	return nil
}

func put(root *os.Root, one tree.Entry, contents *asset.Batch) error {
	if one.IsDir() {
		return putFolder(root, one)
	}
	if err := root.RemoveAll(one.Path); err != nil {
		return err
	}
	folder, err := root.Open(path.Dir(one.Path))
	if err != nil {
		return err
	}
	defer folder.Close()
	if err := putFile(int(folder.Fd()), path.Base(one.Path), one, contents); err != nil {
		return &os.PathError{Op: "place", Path: "/usr/" + one.Path, Err: err}
	}
	return nil
}

// putFile follows blit: symlinks and empty files are made, the rest is linked
// to its content.
func putFile(folder int, base string, one tree.Entry, contents *asset.Batch) error {
	if one.IsSymlink() {
		if err := unix.Symlinkat(one.Target, folder, base); err != nil {
			return err
		}
		return unix.Fchownat(folder, base, int(one.UID), int(one.GID), unix.AT_SYMLINK_NOFOLLOW)
	}
	if one.Hash == stone.EmptyHash() {
		return makeFile(folder, base, one, nil)
	}
	from, err := contents.Path(one.Layout)
	if err != nil {
		return err
	}
	err = unix.Linkat(unix.AT_FDCWD, from, folder, base, 0)
	if errors.Is(err, unix.EMLINK) {
		source, err := os.Open(from)
		if err != nil {
			return err
		}
		return errors.Join(makeFile(folder, base, one, source), source.Close())
	}
	return err
}

func makeFile(folder int, base string, one tree.Entry, content *os.File) error {
	fd, err := unix.Openat(folder, base, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), base)
	if content != nil {
		_, err = f.ReadFrom(content)
	}
	if err == nil {
		err = asset.Dress(f, one.Layout)
	}
	return errors.Join(err, f.Close())
}

func putFolder(root *os.Root, one tree.Entry) error {
	if info, err := root.Lstat(one.Path); err == nil && !info.IsDir() {
		if err := root.Remove(one.Path); err != nil {
			return err
		}
	}
	if err := root.Mkdir(one.Path, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	f, err := root.Open(one.Path)
	if err != nil {
		return err
	}
	return errors.Join(undress(f), asset.Dress(f, one.Layout), f.Close())
}

// undress takes away the xattrs of a folder that was there before: Dress only adds.
func undress(f *os.File) error {
	names := make([]byte, 64<<10) // XATTR_LIST_MAX
	n, err := unix.Flistxattr(int(f.Fd()), names)
	if errors.Is(err, unix.ENOTSUP) {
		return nil
	}
	if err != nil {
		return err
	}
	for name := range strings.SplitSeq(string(names[:n]), "\x00") {
		if strings.HasPrefix(name, "user.") || name == "security.capability" {
			if err := unix.Fremovexattr(int(f.Fd()), name); err != nil {
				return err
			}
		}
	}
	return nil
}

// owned lists what a package of a manifest owns.
func owned(t *tree.Tree, owner string) []tree.Entry {
	i := slices.Index(t.Packages, owner)
	var all []tree.Entry
	for _, e := range t.Entries {
		if i >= 0 && e.Owner == i {
			all = append(all, e)
		}
	}
	return all
}

// sameInputs says whether a pure trigger would see in now what it saw in before:
// the files it matches, its own file, and the programs it runs. What it made
// itself then is not an input.
func sameInputs(job trigger.Job, now, before *tree.Tree, owner string) bool {
	self := slices.Index(before.Packages, owner)
	if self < 0 {
		return false // it did not run then, or did more than add paths
	}
	a, b := inputs(job, now, -2), inputs(job, before, self)
	return slices.EqualFunc(a, b, func(x, y tree.Entry) bool { return x.Path == y.Path && sameEntry(x.Layout, y.Layout) })
}

// inputs lists the entries that decide what a trigger makes; without is the
// owner to leave out.
func inputs(job trigger.Job, t *tree.Tree, without int) []tree.Entry {
	var all []tree.Entry
	add := func(e tree.Entry) {
		if e.Owner != without {
			all = append(all, e)
		}
	}
	job.Matched(t, add)
	names := []string{strings.TrimPrefix(job.File, "/usr/")}
	for _, c := range job.Commands {
		if len(c.Run) > 0 {
			names = append(names, candidates(c.Run[0])...)
		}
	}
	for _, name := range names {
		if e, found := lookup(t.Entries, name); found {
			add(e)
		}
	}
	return all
}

// candidates are the places below /usr where a command's program may be.
func candidates(program string) []string {
	if !filepath.IsAbs(program) {
		return []string{"sbin/" + program, "bin/" + program}
	}
	rest := strings.TrimPrefix(strings.TrimPrefix(path.Clean(program), "/"), "usr/")
	return []string{rest}
}
