package trigger

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"moss/store/stone"
	"moss/store/tree"
	"moss/store/xattr"
)

// Change is one path that a trigger left different from the tree it was shown,
// or only touched: whether it differs is for the caller to see.
type Change struct {
	stone.Layout       // Hash is that of a regular file's content
	Size         int64 // of a regular file
	Gone         bool  // the path is not there any more; nothing else is set then
	Alone        bool  // a folder in which nothing is left of what was there before
	// Open reads a regular file's content.
	Open func() (*os.File, error)
}

// Changes reads the upper layer of the overlay: folders before what is in them,
// otherwise by name. What a state cannot hold is an *Error.
func (w *Written) Changes(trigger string) ([]Change, error) {
	c := collector{trigger: trigger}
	if err := c.folder(w.dir, ""); err != nil {
		return nil, err
	}
	return c.found, nil
}

type collector struct {
	trigger string
	found   []Change
}

func (c *collector) refuse(name, why string) error {
	return &Error{Trigger: c.trigger, Why: fmt.Sprintf("it left %s at %q", why, "/usr/"+name)}
}

// folder goes by descriptors and follows no link: what is here was written by
// whoever wrote the trigger.
func (c *collector) folder(dir *os.File, above string) error {
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return fmt.Errorf("read what trigger %s wrote: %w", c.trigger, err)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := c.entry(dir, name, path.Join(above, name)); err != nil {
			return err
		}
	}
	return nil
}

func (c *collector) entry(dir *os.File, base, name string) error {
	var st unix.Stat_t
	if err := unix.Fstatat(int(dir.Fd()), base, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return &fs.PathError{Op: "stat", Path: "/usr/" + name, Err: err}
	}
	// A whiteout (overlayfs.rst) marks what was removed. The overlay itself lets
	// nobody make such a node.
	if st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev == 0 {
		c.found = append(c.found, Change{Layout: stone.Layout{Path: name}, Gone: true})
		return nil
	}
	if err := tree.CheckPath(name); err != nil {
		var fault *tree.PathError
		if errors.As(err, &fault) {
			return c.refuse(name, "a path that "+fault.Why)
		}
		return err
	}
	at := Change{Layout: stone.Layout{Path: name, Mode: st.Mode, UID: st.Uid, GID: st.Gid}}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return c.subfolder(at, dir, base)
	case unix.S_IFREG:
		return c.file(at, dir, base)
	case unix.S_IFLNK:
		return c.link(at, dir, base)
	case unix.S_IFIFO:
		return c.refuse(name, "a fifo")
	case unix.S_IFSOCK:
		return c.refuse(name, "a socket")
	}
	return c.refuse(name, "a device node")
}

func (c *collector) subfolder(at Change, dir *os.File, base string) error {
	sub, err := openat(dir, base, unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer sub.Close()
	if at.Xattrs, at.Alone, err = xattrs(sub); err != nil {
		return err
	}
	c.found = append(c.found, at)
	return c.folder(sub, at.Path)
}

func (c *collector) file(at Change, dir *os.File, base string) error {
	f, err := openat(dir, base, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if at.Xattrs, _, err = xattrs(f); err != nil {
		return err
	}
	hasher := stone.NewHasher()
	if at.Size, err = io.Copy(hasher, f); err != nil {
		return err
	}
	at.Hash = hasher.Sum()
	at.Open = c.reopen(dir, base)
	c.found = append(c.found, at)
	return nil
}

// reopen keeps the folder, not the file: a trigger may write more files than a
// process may hold open. The folder's own descriptor is closed by then.
func (c *collector) reopen(dir *os.File, base string) func() (*os.File, error) {
	name := dir.Name() + "/" + base
	return func() (*os.File, error) {
		return os.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	}
}

func (c *collector) link(at Change, dir *os.File, base string) error {
	buffer := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(int(dir.Fd()), base, buffer)
	if err != nil {
		return &fs.PathError{Op: "readlink", Path: "/usr/" + at.Path, Err: err}
	}
	at.Target, at.Mode = string(buffer[:n]), unix.S_IFLNK|0o777
	c.found = append(c.found, at)
	return nil
}

func openat(dir *os.File, base string, flags int) (*os.File, error) {
	fd, err := unix.Openat(int(dir.Fd()), base, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC|flags, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: base, Err: err}
	}
	return os.NewFile(uintptr(fd), dir.Name()+"/"+base), nil
}

const overlayXattr = "trusted.overlay."

// xattrs reads what a state keeps, and whether the overlay marked the folder
// opaque.
func xattrs(f *os.File) (all []stone.Xattr, opaque bool, err error) {
	all, err = xattr.OfFile(f, func(name string) bool { return keptXattr(name) || name == overlayXattr+"opaque" })
	all = slices.DeleteFunc(all, func(x stone.Xattr) bool {
		opaque = opaque || !keptXattr(x.Name) && string(x.Value) == "y"
		return !keptXattr(x.Name)
	})
	return all, opaque, err
}

// keptXattr: as with packages that is security.* and user.*; the label of SELinux is
// given by the machine's policy, not by a trigger.
func keptXattr(name string) bool {
	return strings.HasPrefix(name, "security.") && name != "security.selinux" || strings.HasPrefix(name, "user.")
}

// under names the written folder so that names below it work whatever lies
// between: a descriptor's own link.
func under(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }
