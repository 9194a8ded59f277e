package usrmerge

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"moss/internal/atomicfile"
)

// locateIn is where a path of the root lies for this process. Its symlinks are
// followed as they will be once the root is "/": in early boot the root lies at
// /sysroot, and an absolute link in it must not lead into the initramfs. What is
// missing keeps its name.
func locateIn(root, name string) (string, error) {
	at, rest := "/", strings.Split(name, "/")
	for links := 0; len(rest) > 0; {
		var part string
		part, rest = rest[0], rest[1:]
		next := path.Join(at, part) // ".." of "/" is "/"
		if part == "" || part == "." || part == ".." {
			at = next
			continue
		}
		text, err := os.Readlink(filepath.Join(root, next))
		if err != nil { // not a symlink, or missing: what uses the path tells
			at = next
			continue
		}
		if links++; links > mostLinks {
			return "", fmt.Errorf("follow %s: too many symlinks", name)
		}
		if path.IsAbs(text) {
			at = "/"
		}
		rest = append(strings.Split(text, "/"), rest...)
	}
	return filepath.Join(root, at), nil
}

const mostLinks = 40 // the kernel's limit (path_resolution(7))

// readSmall reads a regular file of the root of at most limit bytes. Anything
// else that lies there, a pipe for one, could hold up a boot.
func readSmall(root, name string, limit int64) ([]byte, error) {
	at, err := locateIn(root, name)
	if err != nil {
		return nil, err
	}
	info, err := os.Lstat(at)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("is not a regular file")
	case info.Size() > limit:
		return nil, fmt.Errorf("has %d bytes, want at most %d", info.Size(), limit)
	}
	return os.ReadFile(at)
}

// isMissing tells whether an error means that a path is not there.
func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) }

// writeDurably writes a file of the root and the folders that lead to it. It
// survives a power cut once this returns nil.
func writeDurably(root, name string, data []byte, perm fs.FileMode) error {
	at, err := locateIn(root, name)
	if err != nil {
		return err
	}
	if err := makeFolders(filepath.Dir(at)); err != nil {
		return err
	}
	return atomicfile.Write(at, data, perm)
}

// makeFolders makes a folder with what leads to it, each name durable.
func makeFolders(dir string) error {
	err := os.Mkdir(dir, 0o755)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeFolders(filepath.Dir(dir)); err == nil {
			err = os.Mkdir(dir, 0o755)
		}
	}
	if errors.Is(err, fs.ErrExist) {
		return nil // if it is no folder, what is written into it says so
	}
	if err != nil {
		return err
	}
	return atomicfile.SyncDir(filepath.Dir(dir))
}

// removeDurably takes a file of the root away, durably; one that is not there is fine.
func removeDurably(root, name string) (was bool, err error) {
	at, err := locateIn(root, name)
	if err != nil {
		return false, err
	}
	err = atomicfile.RemoveOn(atomicfile.OS{}, at)
	if isMissing(err) {
		return false, nil
	}
	return err == nil, err
}
