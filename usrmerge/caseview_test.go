package usrmerge_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// failer is what testing.TB and a rapid draw have in common.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
	Cleanup(func())
}

// entry is all that a system sees of one file.
type entry struct {
	kind   byte // f d l p s c b
	mode   uint32
	uid    uint32
	gid    uint32
	rdev   uint64
	body   string // content or its hash, text of a symlink
	xattrs string // sorted
	mtime  int64  // ns
}

// where tells one inode from all others.
type where struct{ dev, ino uint64 }

// sight is what a path gives: the name's own entry, and what is at its end when
// symlinks are followed inside the root, as in a chroot.
type sight struct {
	own   entry
	at    where
	place string // its own path, when the folders on the way are followed
	real  string // path of the end, below the root
	end   entry
	endAt where
	err   error // why there is no end
}

// view looks into a root as the programs that run in it do.
type view struct {
	root int
	dir  string
	seen map[string]glance // what was looked at: a view is for one moment
}

type glance struct {
	sight
	missing error
}

func openView(t failer, dir string) *view {
	t.Helper()
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatalf("open root: %v", err)
	}
	return &view{fd, dir, map[string]glance{}}
}

func (v *view) close() { _ = unix.Close(v.root) }

func (v *view) open(path string, flags uint64) (int, error) {
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC | flags, Resolve: unix.RESOLVE_IN_ROOT}
	for {
		fd, err := unix.Openat2(v.root, path, &how)
		if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) { // EAGAIN: renamed meanwhile
			return fd, err
		}
	}
}

// look gives the sight of a path; the error says that the name is not there.
func (v *view) look(path string) (sight, error) {
	g, ok := v.seen[path]
	if !ok {
		g.sight, g.missing = v.lookNow(path)
		v.seen[path] = g
	}
	return g.sight, g.missing
}

func (v *view) lookNow(path string) (s sight, err error) {
	fd, err := v.open(path, unix.O_NOFOLLOW)
	if err != nil {
		return s, err
	}
	defer unix.Close(fd)
	if s.own, s.at, err = describe(fd); err != nil {
		return s, err
	}
	if s.place, err = v.realPath(fd); err != nil || s.own.kind != 'l' {
		s.end, s.endAt, s.real = s.own, s.at, s.place
		return s, err
	}
	end, err := v.open(path, 0)
	if err != nil {
		s.err = err
		return s, nil
	}
	defer unix.Close(end)
	if s.end, s.endAt, err = describe(end); err != nil {
		return s, err
	}
	s.real, err = v.realPath(end)
	return s, err
}

func (v *view) realPath(fd int) (string, error) {
	full, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
	if err != nil {
		return "", err
	}
	return strings.TrimPrefix(strings.TrimPrefix(full, v.dir), "/"), nil
}

// describe reads what an O_PATH descriptor leads to, without following further.
func describe(fd int) (e entry, at where, err error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return e, at, err
	}
	e = entry{kind: kindOf(st.Mode), mode: st.Mode & 0o7777, uid: st.Uid, gid: st.Gid, rdev: st.Rdev, mtime: st.Mtim.Nano()}
	magic := fmt.Sprintf("/proc/self/fd/%d", fd)
	switch e.kind {
	case 'f':
		e.body, err = content(magic)
	case 'l':
		var buf [unix.PathMax]byte
		var n int
		n, err = unix.Readlinkat(fd, "", buf[:])
		e.body = string(buf[:max(n, 0)])
	}
	if err == nil {
		e.xattrs, err = attributes(magic)
	}
	return e, where{st.Dev, st.Ino}, err
}

func kindOf(mode uint32) byte {
	kinds := map[uint32]byte{unix.S_IFREG: 'f', unix.S_IFDIR: 'd', unix.S_IFLNK: 'l', unix.S_IFIFO: 'p',
		unix.S_IFSOCK: 's', unix.S_IFCHR: 'c', unix.S_IFBLK: 'b'}
	return kinds[mode&unix.S_IFMT]
}

// content is a file's content, or its hash if it is long.
func content(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	head := make([]byte, 200)
	n, err := io.ReadFull(file, head)
	if err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = nil
		}
		return string(head[:n]), err
	}
	hash := sha256.New()
	hash.Write(head)
	_, err = io.Copy(hash, file)
	return "sha256:" + hex.EncodeToString(hash.Sum(nil)), err
}

func attributes(path string) (string, error) {
	var buf [4096]byte
	n, err := unix.Listxattr(path, buf[:])
	if err != nil || n == 0 {
		if errors.Is(err, unix.ENOTSUP) {
			err = nil
		}
		return "", err
	}
	names := strings.Split(strings.TrimSuffix(string(buf[:n]), "\x00"), "\x00")
	slices.Sort(names)
	var all strings.Builder
	for _, name := range names {
		if strings.HasPrefix(name, "trusted.SGI_ACL_") {
			continue // the ACL once more, as xfs keeps it
		}
		n, err := unix.Getxattr(path, name, buf[:])
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&all, "%s=%q ", name, buf[:n])
	}
	return strings.TrimSpace(all.String()), nil
}

// same tells whether two entries are the same but for their time.
func (e entry) same(other entry) bool {
	e.mtime, other.mtime = 0, 0
	return e == other
}

func (e entry) String() string {
	return fmt.Sprintf("%c %04o %d:%d %q rdev %x [%s]", e.kind, e.mode, e.uid, e.gid, e.body, e.rdev, e.xattrs)
}

// below lists every path below a path of the root that is a folder or leads to
// one: that path and what lies in it, as the path was given.
func (v *view) below(t failer, path string) []string {
	t.Helper()
	s, err := v.look(path)
	if err != nil {
		return nil
	}
	paths := []string{path}
	if s.err != nil || s.end.kind != 'd' {
		return paths
	}
	top := filepath.Join(v.dir, s.real)
	err = filepath.WalkDir(top, func(at string, _ os.DirEntry, err error) error {
		if err == nil && at != top {
			paths = append(paths, path+strings.TrimPrefix(at, top))
		}
		return err
	})
	if err != nil {
		t.Fatalf("walk %s: %v", path, err)
	}
	return paths
}
