package activate

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"moss/internal/fault"
	"moss/internal/mount"
)

// MountedError says that a mount is in the way of an exchange. Nothing was moved.
type MountedError struct{ Path, Why string }

func (e *MountedError) Error() string { return e.Path + " " + e.Why }

// Hint says what to do about it.
func (e *MountedError) Hint() string {
	return "unmount it and try again, or choose the state for the next boot (--next-boot)"
}

// mounted is what is mounted on the live tree while it is exchanged.
//
// The kernel renames no mount point (EBUSY), so the bind that makes /usr read-only
// is taken away and put back. A mount below /usr it would rename along with the
// folder that it is mounted on: what a person mounted at /usr/local would be at
// .moss/root/3/usr/local afterwards, and be emptied when state 3 is removed. So
// each is copied before (open_tree(2)), put where it was in the new tree, and taken
// off the old one.
//
// None of this is on the disk: what is lost with the power is mounted anew by the
// next boot.
type mounted struct {
	usr    string
	bound  bool   // /usr is bound on itself
	set    uint64 // the flags of that mount
	shared bool   // with other namespaces
	below  []carried
}

// carried is a mount below the live tree: its path from there, and its copy.
type carried struct {
	path string
	tree int
}

// Protect makes the live tree read-only by a bind of it on itself, with the other
// flags as they are. Only this mount is read-only: the file system is not, and
// Exchange knows how to go about it. It needs Linux 5.12 (mount_setattr(2)).
func (r *Root) Protect() error {
	return bindSelf(r.Usr(), unix.MOUNT_ATTR_RDONLY, false)
}

// bindSelf appears on dir with its flags or not at all.
func bindSelf(dir string, set uint64, shared bool) error {
	tree, err := copyMount(dir, set, shared, 0)
	if err != nil {
		return err
	}
	defer unix.Close(tree)
	if err = fault.Point("activate/binding"); err == nil {
		err = unix.MoveMount(tree, "", unix.AT_FDCWD, dir, unix.MOVE_MOUNT_F_EMPTY_PATH)
	}
	if err != nil {
		return &fs.PathError{Op: "bind on itself", Path: dir, Err: err}
	}
	return nil
}

// copyMount copies what is mounted at path, with AT_RECURSIVE all that is mounted
// on it, too.
//
// The copy leaves the peer group of what it is a copy of. Otherwise the end of the
// one would be that of the other, and whatever is mounted below /usr later would
// appear a second time below its bind, and keep its device busy after an unmount.
func copyMount(path string, set uint64, shared bool, recursive uint) (int, error) {
	const how = unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC | unix.AT_SYMLINK_NOFOLLOW | unix.AT_NO_AUTOMOUNT
	tree, err := unix.OpenTree(unix.AT_FDCWD, path, how|recursive)
	if err != nil {
		return -1, &fs.PathError{Op: "copy the mount of", Path: path, Err: err}
	}
	err = unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH|recursive, &unix.MountAttr{Attr_set: set, Propagation: unix.MS_PRIVATE})
	if err == nil && shared {
		err = unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH|recursive, &unix.MountAttr{Propagation: unix.MS_SHARED})
	}
	if err != nil {
		return -1, errors.Join(&fs.PathError{Op: "set up the mount of", Path: path, Err: err}, unix.Close(tree))
	}
	return tree, nil
}

// attributes are the flags of the mount at dir (statfs(2)), but for those of
// access times, as mount_setattr(2) takes them.
func attributes(dir string) (uint64, error) {
	var info unix.Statfs_t
	if err := unix.Statfs(dir, &info); err != nil {
		return 0, &fs.PathError{Op: "statfs", Path: dir, Err: err}
	}
	const same = unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC
	return uint64(info.Flags) & same, nil
}

// lift looks at what is mounted on the live tree and makes it ready for the
// exchange with id, after which settle must be called. An error leaves all as it
// was.
func (r *Root) lift(id ID) (*mounted, error) {
	m := &mounted{}
	points, err := mount.Self()
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil // without /proc nobody has mounted anything yet
	}
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(r.dir)
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		return nil, err
	}
	m.usr = filepath.Join(dir, "usr")
	base, err := m.base(r, points)
	if err == nil {
		err = m.copyBelow(r, id, points, base)
	}
	if err == nil && m.bound {
		err = m.unbind()
	}
	if err != nil {
		m.close()
		return nil, err
	}
	return m, nil
}

// base is the number of the mount that the live tree is seen through: the
// root's, or the bind of the tree on itself. Anything else at /usr is not ours to
// move: a file system of its own, an overlay.
func (m *mounted) base(r *Root, points []mount.Point) (int, error) {
	under, ok := mount.Holding(points, filepath.Dir(m.usr))
	if !ok {
		return 0, nil
	}
	id := under.ID
	for _, p := range points {
		if p.Path != m.usr {
			continue
		}
		if m.bound || p.Major != under.Major || p.Minor != under.Minor || p.Root != under.Below(m.usr) {
			return 0, &MountedError{r.shown(r.Usr()), fmt.Sprintf("is a mount of its own (%s), so its tree cannot be exchanged", p.FSType)}
		}
		id, m.bound = p.ID, true
	}
	return id, nil
}

// unbind is lazy (MNT_DETACH): programs run from this mount, and keep what they
// have open.
func (m *mounted) unbind() (err error) {
	if m.set, err = attributes(m.usr); err != nil {
		return err
	}
	m.shared = isShared(m.usr)
	if err := unix.Unmount(m.usr, unix.MNT_DETACH); err != nil {
		return &fs.PathError{Op: "unmount", Path: m.usr, Err: err}
	}
	return nil
}

// isShared looks for the peer group of the mount at dir, in its optional fields
// (proc_pid_mountinfo(5)).
func isShared(dir string) bool {
	text, _ := os.ReadFile("/proc/self/mountinfo") // lift has read it
	shared := false
	for line := range strings.Lines(string(text)) {
		front, _, _ := strings.Cut(line, " - ")
		if fields := strings.Fields(front); len(fields) > 5 && fields[4] == dir {
			shared = strings.Contains(front, " shared:")
		}
	}
	return shared
}

// copyBelow copies the mounts that are seen below the live tree, with what is
// mounted on them, and refuses those that would have no place in the tree of id.
func (m *mounted) copyBelow(r *Root, id ID, points []mount.Point, base int) error {
	for _, p := range points {
		inside, ok := strings.CutPrefix(p.Path, m.usr+"/")
		if !ok || p.Parent != base {
			continue
		}
		shown := filepath.Join(r.shown(r.Usr()), inside)
		if covered(points, p) {
			return &MountedError{shown, "has several mounts on top of each other, which an exchange would lose"}
		}
		if !sameKind(m.usr, r.Archive(id), inside) {
			return &MountedError{shown, fmt.Sprintf("is a mount point, and state %s has no place for it", id)}
		}
		tree, err := copyMount(p.Path, 0, isShared(p.Path), unix.AT_RECURSIVE)
		if err != nil {
			return &MountedError{shown, fmt.Sprintf("is a mount point that cannot be carried over to state %s: %v", id, err)}
		}
		m.below = append(m.below, carried{inside, tree})
	}
	return nil
}

// covered tells whether another mount lies right on top of p.
func covered(points []mount.Point, p mount.Point) bool {
	return slices.ContainsFunc(points, func(q mount.Point) bool { return q.Parent == p.ID && q.Path == p.Path })
}

// sameKind tells whether name is a folder in both trees or a file in both. No link
// on the way counts: it would lead elsewhere once the tree is live.
func sameKind(a, b, name string) bool {
	var kinds [2]uint32
	for i, dir := range []string{a, b} {
		top, err := os.Open(dir)
		if err != nil {
			return false
		}
		defer top.Close()
		const within = unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS
		how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: within}
		fd, err := unix.Openat2(int(top.Fd()), name, &how)
		if err != nil {
			return false
		}
		defer unix.Close(fd)
		var info unix.Stat_t
		if err := unix.Fstat(fd, &info); err != nil {
			return false
		}
		kinds[i] = info.Mode & unix.S_IFMT
	}
	return (kinds[0] == unix.S_IFDIR) == (kinds[1] == unix.S_IFDIR)
}

// settle mounts on the live tree, which is another one now or still the same,
// what was there before; gone is where the old tree is, "" if it was not moved.
// Nothing here is worth a failure: the tree is live, and the next boot mounts all
// of it again.
func (m *mounted) settle(gone string, warn func(string)) {
	defer m.close()
	if m.bound {
		if err := bindSelf(m.usr, m.set, m.shared); err != nil {
			warn(fmt.Sprintf("/usr stays writable until the next boot: %v", err))
		}
	}
	if !m.bound && gone == "" {
		return // they were never taken away
	}
	for _, c := range m.below {
		path := filepath.Join(m.usr, c.path)
		if err := unix.MoveMount(c.tree, "", unix.AT_FDCWD, path, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
			warn(fmt.Sprintf("what was mounted at /usr/%s is not there any more (%v); mount it again", c.path, err))
		}
	}
	if gone != "" {
		dropFrom(gone, warn)
	}
}

// dropFrom takes off the old tree what moved along with it.
func dropFrom(gone string, warn func(string)) {
	points, err := mount.Self()
	if err != nil {
		return // none, as lift found
	}
	if dir, err := filepath.Abs(gone); err == nil {
		gone = dir
	}
	if dir, err := filepath.EvalSymlinks(gone); err == nil {
		gone = dir
	}
	for _, p := range points {
		if !strings.HasPrefix(p.Path, gone+"/") {
			continue
		}
		// One that went with the mount it was on is no mount point any more.
		if err := unix.Unmount(p.Path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, fs.ErrNotExist) {
			warn(fmt.Sprintf("%s is still mounted in the tree that was replaced (%v); unmount it before that state is removed", p.Path, err))
		}
	}
}

func (m *mounted) close() {
	for _, c := range m.below {
		_ = unix.Close(c.tree)
	}
	m.below = nil
}
