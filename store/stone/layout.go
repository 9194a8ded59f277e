package stone

import "syscall"

// Xattr is one extended attribute: the full name ("security.capability") and
// the raw value.
type Xattr struct {
	Name  string
	Value []byte
}

// Layout is one path of a package.
type Layout struct {
	Path     string // relative to usr, no leading slash; not checked for ".." here
	Mode     uint32 // full st_mode, type bits included
	UID, GID uint32
	Hash     Hash   // of a regular file's content
	Target   string // a symlink's text
	Xattrs   []Xattr
}

// IsRegular says whether Hash counts.
func (l Layout) IsRegular() bool { return l.Mode&syscall.S_IFMT == syscall.S_IFREG }

// IsSymlink says whether Target counts.
func (l Layout) IsSymlink() bool { return l.Mode&syscall.S_IFMT == syscall.S_IFLNK }

// IsDir is true for a folder that is listed, which is one that is empty or
// whose mode is not 0755; other folders exist because something is in them.
func (l Layout) IsDir() bool { return l.Mode&syscall.S_IFMT == syscall.S_IFDIR }

// layoutType is the record's own type byte; it says again what the mode says.
func layoutType(mode uint32) (uint8, bool) {
	switch mode & syscall.S_IFMT {
	case syscall.S_IFREG:
		return 1, true
	case syscall.S_IFLNK:
		return 2, true
	case syscall.S_IFDIR:
		return 3, true
	case syscall.S_IFCHR:
		return 4, true
	case syscall.S_IFBLK:
		return 5, true
	case syscall.S_IFIFO:
		return 6, true
	case syscall.S_IFSOCK:
		return 7, true
	}
	return 0, false
}
