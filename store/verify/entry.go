package verify

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"moss/store/stone"
	"moss/store/tree"
	"moss/store/xattr"
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
	have, err := xattr.OfPath(path, every)
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

func every(string) bool { return true }
