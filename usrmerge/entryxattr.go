package usrmerge

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"moss/internal/heapsort"
)

// xattr is one extended attribute (xattr(7)); ACLs, capabilities and labels are
// such.
type xattr struct {
	name  string
	value []byte
}

// byFD is a path that the calls for attributes take, which know no folder that is
// open: it leads nowhere else, however long the real path is.
func byFD(dir int, name string) string {
	return "/proc/self/fd/" + strconv.Itoa(dir) + "/" + name
}

// xattrs reads the attributes of an entry, sorted, and follows nothing.
func xattrs(dir int, name string) ([]xattr, error) {
	at := byFD(dir, name)
	names, err := sized(func(b []byte) (int, error) { return unix.Llistxattr(at, b) })
	if errors.Is(err, unix.ENOTSUP) || len(names) == 0 && err == nil {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []xattr
	list := strings.Split(strings.TrimSuffix(string(names), "\x00"), "\x00")
	heapsort.Strings(list)
	for _, name := range list {
		if !copied(name) {
			continue
		}
		value, err := sized(func(b []byte) (int, error) { return unix.Lgetxattr(at, name, b) })
		if errors.Is(err, unix.ENODATA) {
			continue // taken away since
		}
		if err != nil {
			return nil, err
		}
		all = append(all, xattr{name, value})
	}
	return all, nil
}

// copied tells whether an attribute belongs to the content and not to the inode or
// the file system: a checksum over the inode's number is wrong in any copy, and
// xfs shows each ACL a second time under a name of its own (xfs_xattr.c), and
// btrfs' properties are inherited from the folder.
func copied(name string) bool {
	return !strings.HasPrefix(name, "btrfs.") && name != "security.evm" && name != "trusted.SGI_ACL_FILE" && name != "trusted.SGI_ACL_DEFAULT"
}

// sized asks with room for most, then for the size, and again when the value
// grew in between.
func sized(call func([]byte) (int, error)) ([]byte, error) {
	b := make([]byte, 256)
	for {
		n, err := call(b)
		if err == nil {
			return b[:n], nil
		}
		if !errors.Is(err, unix.ERANGE) {
			return nil, err
		}
		if n, err = call(nil); err != nil {
			return nil, err
		}
		b = make([]byte, n+64)
	}
}

func sameXattrs(a, b spot) (bool, error) {
	left, err := xattrs(a.dir, a.name)
	if err != nil {
		return false, err
	}
	right, err := xattrs(b.dir, b.name)
	return slices.EqualFunc(left, right, func(x, y xattr) bool { return x.name == y.name && bytes.Equal(x.value, y.value) }), err
}

// setXattrs gives an entry these attributes. An ACL that it got from its folder
// and that is not among them goes; other attributes that the kernel gave it stay.
func setXattrs(dir int, name string, want []xattr) error {
	have, err := xattrs(dir, name)
	if err != nil {
		return err
	}
	at := byFD(dir, name)
	for _, x := range have {
		wanted := slices.ContainsFunc(want, func(y xattr) bool { return y.name == x.name })
		if !wanted && strings.HasPrefix(x.name, "system.posix_acl_") {
			if err := unix.Lremovexattr(at, x.name); err != nil && !errors.Is(err, unix.ENODATA) {
				return err
			}
		}
	}
	for _, x := range want {
		if err := unix.Lsetxattr(at, x.name, x.value, 0); err != nil {
			return err
		}
	}
	return nil
}
