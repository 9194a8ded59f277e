package usrmerge

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"
)

// kind is what an entry is, in the numbers of d_type (readdir(3)).
type kind uint8

const (
	absent  kind = 0
	fifo    kind = unix.DT_FIFO
	char    kind = unix.DT_CHR
	folder  kind = unix.DT_DIR
	block   kind = unix.DT_BLK
	regular kind = unix.DT_REG
	symlink kind = unix.DT_LNK
	socket  kind = unix.DT_SOCK
)

func (k kind) String() string {
	switch k {
	case fifo:
		return "a fifo"
	case char, block:
		return "a device"
	case folder:
		return "a folder"
	case regular:
		return "a file"
	case symlink:
		return "a symlink"
	case socket:
		return "a socket"
	}
	return "nothing"
}

// facts are what the kernel says of one entry.
type facts struct {
	kind     kind
	frozen   bool // immutable or append-only
	mode     uint32
	uid, gid uint32
	nlink    uint32
	dev, ino uint64
	rdev     uint64
	size     int64
	blocks   int64 // of 512 bytes
	mtime    int64 // nanoseconds
	ctime    int64
	mount    uint64 // 0: this kernel does not say
	text     string // of a symlink
}

func (f *facts) sameFile(g *facts) bool { return f.ino == g.ino && f.dev == g.dev }

// entry is one name in an old folder and what is at its new place.
type entry struct {
	name string
	o    facts
	n    *facts // nil: nothing there, or it was not necessary to look
	act  act
	why  string
	// text is what a symlink says in its new place.
	text string
	// to is where an orphan goes, below the root.
	to string
	// cross: the new place is on another device.
	cross bool
	// as is the temporary name of a folder that is made in the place of a symlink.
	as   string
	kids []entry
	// todo are the acts of the entry and of all below.
	todo act
}

// stat asks for one name in an open folder, and follows nothing.
func stat(dir int, name string) (facts, error) {
	var st unix.Statx_t
	const mask = unix.STATX_BASIC_STATS | unix.STATX_MNT_ID
	flags := unix.AT_SYMLINK_NOFOLLOW | unix.AT_NO_AUTOMOUNT
	if name == "" {
		flags |= unix.AT_EMPTY_PATH
	}
	if err := unix.Statx(dir, name, flags, mask, &st); err != nil {
		return facts{}, err
	}
	f := facts{
		kind: kind(st.Mode & unix.S_IFMT >> 12), mode: uint32(st.Mode &^ unix.S_IFMT), uid: st.Uid, gid: st.Gid, nlink: st.Nlink,
		dev: unix.Mkdev(st.Dev_major, st.Dev_minor), ino: st.Ino, rdev: unix.Mkdev(st.Rdev_major, st.Rdev_minor),
		size: int64(st.Size), blocks: int64(st.Blocks), mtime: nano(st.Mtime), ctime: nano(st.Ctime),
	}
	if st.Mask&unix.STATX_MNT_ID != 0 {
		f.mount = st.Mnt_id
	}
	const frozen = unix.STATX_ATTR_IMMUTABLE | unix.STATX_ATTR_APPEND
	f.frozen = st.Attributes&frozen != 0
	if st.Attributes_mask&unix.STATX_ATTR_IMMUTABLE == 0 && (f.kind == regular || f.kind == folder) {
		f.frozen = frozenByFlags(dir, name)
	}
	return f, nil
}

func nano(t unix.StatxTimestamp) int64 { return t.Sec*1e9 + int64(t.Nsec) }

// frozenByFlags asks a file system that tells statx(2) nothing of its flags.
func frozenByFlags(dir int, name string) bool {
	if name == "" {
		name = "."
	}
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	flags, err := unix.IoctlGetUint32(fd, unix.FS_IOC_GETFLAGS)
	const immutable, appendOnly = 0x10, 0x20 // FS_IMMUTABLE_FL, FS_APPEND_FL of linux/fs.h
	return err == nil && flags&(immutable|appendOnly) != 0
}

// statLink is stat with the text of a symlink.
func statLink(dir int, name string) (facts, error) {
	f, err := stat(dir, name)
	if err == nil && f.kind == symlink {
		f.text, err = readlink(dir, name)
	}
	return f, err
}

func readlink(dir int, name string) (string, error) {
	for size := 256; ; size *= 4 {
		b := make([]byte, size)
		n, err := unix.Readlinkat(dir, name, b)
		if err != nil {
			return "", err
		}
		if n < size {
			return string(b[:n]), nil
		}
	}
}

// gone tells whether an error only says that nothing is there any more.
func gone(err error) bool { return errors.Is(err, fs.ErrNotExist) }
