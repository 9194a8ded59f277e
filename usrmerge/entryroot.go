package usrmerge

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// rootDir is the open root. Every path is relative to it, and none is followed:
// in early boot the root is at /sysroot, and a symlink in it would lead into the
// initramfs.
type rootDir struct {
	file *os.File
	fd   int
	path string
}

func openRoot(dir string) (*rootDir, error) {
	file, err := os.OpenFile(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return &rootDir{file, int(file.Fd()), dir}, nil
}

func (r *rootDir) close() { _ = r.file.Close() }

// folder opens a folder below the root; "" is the root itself. A symlink on the
// way is ELOOP or ENOTDIR.
func (r *rootDir) folder(name string) (int, error) {
	if name == "" {
		name = "."
	}
	how := unix.OpenHow{Flags: unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS}
	fd, err := unix.Openat2(r.fd, name, &how)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.ENAMETOOLONG) || errors.Is(err, unix.EPERM) {
		fd, err = r.stepwise(name)
	}
	if err != nil {
		return -1, &fs.PathError{Op: "open", Path: shown(name), Err: err}
	}
	return fd, nil
}

// stepwise is for kernels before openat2(2) (Linux 5.6) and for paths that are
// longer than the kernel takes at once.
func (r *rootDir) stepwise(name string) (int, error) {
	fd, err := openFolder(r.fd, ".")
	for step := range strings.SplitSeq(name, "/") {
		if err != nil {
			return -1, err
		}
		up := fd
		fd, err = openFolder(up, step)
		_ = unix.Close(up)
	}
	return fd, err
}

func openFolder(dir int, name string) (int, error) {
	for {
		fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

// lstat asks for a path below the root.
func (r *rootDir) lstat(name string) (facts, error) {
	if name == "" {
		return stat(r.fd, "")
	}
	dir, err := r.folder(up(name))
	if err != nil {
		return facts{}, err
	}
	defer unix.Close(dir)
	f, err := statLink(dir, path.Base(name))
	if err != nil {
		return facts{}, &fs.PathError{Op: "lstat", Path: shown(name), Err: err}
	}
	return f, nil
}

// up is the folder of a path below the root.
func up(name string) string {
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		return name[:i]
	}
	return ""
}

// canonical follows a path inside the root, symlinks too, to the folder it
// leads to; with make, what is missing is made, the last for root alone.
func (r *rootDir) canonical(name string, make bool) (string, error) {
	at, rest, links := "", strings.Split(name, "/"), 0
	for len(rest) > 0 {
		step := rest[0]
		rest = rest[1:]
		if step == "" || step == "." {
			continue
		}
		if step == ".." {
			at = up(at)
			continue
		}
		next := path.Join(at, step)
		f, err := r.lstat(next)
		if gone(err) && make {
			mode := uint32(0o755)
			if len(rest) == 0 {
				mode = 0o700
			}
			f.kind, err = folder, r.mkdir(next, mode)
		}
		if err != nil {
			return "", err
		}
		switch f.kind {
		case folder:
			at = next
		case symlink:
			if links++; links > maxLinks {
				return "", &fs.PathError{Op: "open", Path: shown(next), Err: unix.ELOOP}
			}
			if strings.HasPrefix(f.text, "/") {
				at = ""
			}
			rest = append(strings.Split(f.text, "/"), rest...)
		default:
			return "", fmt.Errorf("%s is %s and no folder", shown(next), f.kind)
		}
	}
	return at, nil
}

func (r *rootDir) mkdir(name string, mode uint32) error {
	dir, err := r.folder(up(name))
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	if err := unix.Mkdirat(dir, path.Base(name), mode); err != nil && !errors.Is(err, fs.ErrExist) {
		return &fs.PathError{Op: "mkdir", Path: shown(name), Err: err}
	}
	return nil
}

// shown is a path below the root as the running system names it.
func shown(name string) string { return path.Join("/", name) }
