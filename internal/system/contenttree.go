package system

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// view is a system as it will be once a tree is its /usr: what an archived state
// means by /usr/lib is in its own tree, not in the live one.
type view struct{ root, usr string }

// maxLinks is the kernel's own limit (MAXSYMLINKS, include/linux/namei.h).
const maxLinks = 40

// at is where a path of the system is on this machine, links not followed.
func (v view) at(path string) string {
	if rest, ok := strings.CutPrefix(filepath.Clean(path), "/usr"); ok && (rest == "" || rest[0] == '/') {
		return filepath.Join(v.usr, rest)
	}
	return filepath.Join(v.root, path)
}

// real follows the links of a path of the system and gives where it is on this
// machine. No link leads out of the system.
func (v view) real(path string) (string, error) {
	at, rest := "/", strings.Split(filepath.Clean(path), "/")
	for links := 0; len(rest) > 0; {
		next := filepath.Join(at, rest[0])
		rest = rest[1:]
		if next == at || next == "/" {
			at = next
			continue
		}
		target, err := os.Readlink(v.at(next))
		if errors.Is(err, unix.EINVAL) { // no link
			at = next
			continue
		}
		if err != nil {
			return "", err
		}
		if links++; links > maxLinks {
			return "", &fs.PathError{Op: "follow", Path: v.at(path), Err: unix.ELOOP}
		}
		if filepath.IsAbs(target) {
			at = "/"
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	return v.at(at), nil
}

// list names the files of a folder that end in suffix, in the order of their
// names whatever the case of the letters; hidden ones are somebody's temporary
// files. No such folder is an empty one; one that cannot be read is an error, or
// a disk that fails would look like a state without a kernel.
func (v view) list(dir, suffix string) ([]string, error) {
	path, err := v.real(dir)
	var found []os.DirEntry
	if err == nil {
		found, err = os.ReadDir(path)
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", v.at(dir), err)
	}
	var names []string
	for _, one := range found {
		if strings.HasSuffix(one.Name(), suffix) && !strings.HasPrefix(one.Name(), ".") {
			names = append(names, filepath.Join(dir, one.Name()))
		}
	}
	slices.SortFunc(names, compareNames)
	return names, nil
}

// compareNames orders files by their names, as AerynOS does by lower case.
func compareNames(a, b string) int {
	a, b = filepath.Base(a), filepath.Base(b)
	if c := strings.Compare(strings.ToLower(a), strings.ToLower(b)); c != 0 {
		return c
	}
	return strings.Compare(a, b)
}

// masks says whether a file masks the vendor's of its name: a link to /dev/null,
// or an empty file.
func (v view) masks(path string) bool {
	if target, err := os.Readlink(v.at(path)); err == nil {
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		if filepath.Clean(target) == "/dev/null" {
			return true
		}
	}
	file, err := v.real(path)
	if err != nil {
		return false
	}
	info, err := os.Lstat(file)
	return err == nil && info.Mode().IsRegular() && info.Size() == 0
}

// unmasked lists the files of some folders of the vendor and then those of the
// administrator, each group in its order, without masked and masking ones.
func (v view) unmasked(suffix, admin string, vendor ...string) (theirs [][]string, own []string, err error) {
	for _, dir := range vendor {
		found, err := v.list(dir, suffix)
		if err != nil {
			return nil, nil, err
		}
		found = slices.DeleteFunc(found, func(path string) bool {
			return v.masks(path) || v.masks(filepath.Join(admin, filepath.Base(path)))
		})
		theirs = append(theirs, found)
	}
	own, err = v.list(admin, suffix)
	return theirs, slices.DeleteFunc(own, v.masks), err
}
