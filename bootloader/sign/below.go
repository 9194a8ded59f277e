package sign

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// maxLinks is the kernel's own limit (MAXSYMLINKS, include/linux/namei.h).
const maxLinks = 40

// below is where a path of a system lies whose root folder is root: links are
// followed as that system follows them, so that an absolute one leads to a place
// below root and not to this machine's. What is not there yet is taken as said.
func below(root, path string) (string, error) {
	at, rest := "/", strings.Split(filepath.Clean(path), "/")
	for links := 0; len(rest) > 0; {
		next := filepath.Join(at, rest[0])
		rest = rest[1:]
		if next == at || next == "/" { // of the root itself a link is not the system's
			at = next
			continue
		}
		target, err := os.Readlink(filepath.Join(root, next))
		if errors.Is(err, unix.EINVAL) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
			at = next
			continue
		}
		if err != nil {
			return "", err
		}
		if links++; links > maxLinks {
			return "", &fs.PathError{Op: "follow", Path: filepath.Join(root, path), Err: unix.ELOOP}
		}
		if filepath.IsAbs(target) {
			at = "/"
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	return filepath.Join(root, at), nil
}

// stays: none of the files of the keys in dir is, by a link below dir, another
// machine's. They are read by their plain paths.
func stays(root, dir string) error {
	top, err := filepath.EvalSymlinks(root)
	if err != nil || top == "/" {
		return err
	}
	paths := []string{filepath.Join(dir, "GUID")}
	for _, name := range []string{"PK", "KEK", "db"} {
		paths = append(paths, certPath(dir, name), keyPath(dir, name))
	}
	for _, path := range paths {
		real, err := filepath.EvalSymlinks(path)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			continue
		}
		if err != nil {
			return err
		}
		if inside, err := filepath.Rel(top, real); err != nil || inside == ".." || strings.HasPrefix(inside, "../") {
			return fmt.Errorf("%s is a link out of %s, to %s", path, root, real)
		}
	}
	return nil
}
