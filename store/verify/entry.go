package verify

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"moss/store/stone"
	"moss/store/tree"
)

// inspect compares everything of a path but a regular file's bytes. need says
// that these have to be read, because all else about them fits.
func inspect(e *tree.Entry, path string, st *unix.Stat_t) (found []Finding, need bool) {
	add := func(what, want, got string) {
		found = append(found, Finding{What: what, Want: want, Got: got, Entry: e})
	}
	if st.Mode&unix.S_IFMT != e.Mode&unix.S_IFMT {
		add(Kind, kindName(e.Mode), kindName(st.Mode))
		return found, false
	}
	if st.Uid != e.UID || st.Gid != e.GID {
		add(Owner, fmt.Sprintf("%d:%d", e.UID, e.GID), fmt.Sprintf("%d:%d", st.Uid, st.Gid))
	}
	if e.IsSymlink() {
		// A link's mode is always 0777, and blits give it no xattrs.
		text, err := os.Readlink(path)
		if err != nil {
			add(Unreadable, "", reason(err))
		} else if text != e.Target {
			add(Link, e.Target, text)
		}
		return found, false
	}
	if st.Mode&0o7777 != e.Mode&0o7777 {
		add(Mode, fmt.Sprintf("%04o", e.Mode&0o7777), fmt.Sprintf("%04o", st.Mode&0o7777))
	}
	if want, got := compareXattrs(e.Xattrs, path); want != got {
		add(Xattrs, want, got)
	}
	if !e.IsRegular() {
		return found, false
	}
	if e.Size != anySize && st.Size != e.Size {
		add(Content, fmt.Sprintf("%d bytes", e.Size), fmt.Sprintf("%d bytes", st.Size))
		return found, false
	}
	return found, st.Size > 0 || e.Size == anySize
}

func kindName(mode uint32) string {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return "file"
	case unix.S_IFDIR:
		return "folder"
	case unix.S_IFLNK:
		return "symlink"
	case unix.S_IFIFO:
		return "fifo"
	case unix.S_IFSOCK:
		return "socket"
	}
	return "device node"
}

// isLabel names xattrs that the running kernel's security modules give to whatever
// they like; nobody packs them, and a tree is not damaged by them.
func isLabel(name string) bool {
	return slices.Contains([]string{"security.selinux", "security.ima", "security.evm", "security.apparmor", "security.SMACK64"}, name)
}

// compareXattrs gives both sides as text, equal when they agree.
func compareXattrs(want []stone.Xattr, path string) (wanted, got string) {
	have, err := readXattrs(path)
	if err != nil {
		return showXattrs(want), err.Error()
	}
	if len(want) == 0 && len(have) == 0 {
		return "", ""
	}
	named := func(name string) bool {
		return slices.ContainsFunc(want, func(x stone.Xattr) bool { return x.Name == name })
	}
	have = slices.DeleteFunc(have, func(x stone.Xattr) bool { return isLabel(x.Name) && !named(x.Name) })
	return showXattrs(want), showXattrs(have)
}

func showXattrs(all []stone.Xattr) string {
	var parts []string
	for _, x := range all {
		parts = append(parts, fmt.Sprintf("%s=%x", x.Name, x.Value))
	}
	slices.Sort(parts)
	return strings.Join(parts, " ")
}

func readXattrs(path string) ([]stone.Xattr, error) {
	size, err := unix.Llistxattr(path, nil)
	if errors.Is(err, unix.ENOTSUP) || err == nil && size == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	names := make([]byte, size)
	if size, err = unix.Llistxattr(path, names); err != nil {
		return nil, err
	}
	var all []stone.Xattr
	for name := range strings.SplitSeq(strings.TrimSuffix(string(names[:size]), "\x00"), "\x00") {
		value := make([]byte, 64<<10) // XATTR_SIZE_MAX, linux/limits.h
		n, err := unix.Lgetxattr(path, name, value)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		all = append(all, stone.Xattr{Name: name, Value: value[:n]})
	}
	return all, nil
}
