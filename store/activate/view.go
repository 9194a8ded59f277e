package activate

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// view is the file system as it would be after the candidate tree became /usr:
// everything else comes from the installation's root. Nothing is mounted or
// moved for it; links are followed by hand, one name at a time, so that an
// absolute link stays inside and a hostile one leads nowhere.
type view struct {
	root, usr string
	left      int
}

const (
	// maxLinks is where Linux gives up, too (MAXSYMLINKS).
	maxLinks = 40
	// maxSteps bounds the names looked up in one check. systemd with all of its
	// libraries needs about a thousand.
	maxSteps = 1 << 18
)

func newView(root, usr string) *view { return &view{root: root, usr: usr, left: maxSteps} }

// place is a path without links, as the booted system would name it.
type place struct {
	names []string
	info  fs.FileInfo
}

func (p place) String() string { return "/" + strings.Join(p.names, "/") }

// lost is why a path leads nowhere.
type lost struct {
	at     place
	reason string
	err    error
}

func (l *lost) Error() string { return Show(l.at.String()) + " " + l.reason }
func (l *lost) Unwrap() error { return l.err }

// real is where a place without links lies on the disk.
func (v *view) real(names []string) string {
	if len(names) > 0 && names[0] == "usr" {
		return filepath.Join(v.usr, filepath.Join(names[1:]...))
	}
	return filepath.Join(v.root, filepath.Join(names...))
}

// walk follows path from the root of the view.
func (v *view) walk(path string) (place, error) { return v.from(place{}, path) }

// from follows path, relative to a folder that is without links itself.
func (v *view) from(dir place, path string) (place, error) {
	at, todo, links := place{names: slices.Clone(dir.names), info: dir.info}, split(path), 0
	if strings.HasPrefix(path, "/") {
		at = place{}
	}
	for len(todo) > 0 {
		name := todo[0]
		todo = todo[1:]
		if at.info != nil && !at.info.IsDir() {
			return place{}, &lost{at: at, reason: "is not a folder", err: unix.ENOTDIR}
		}
		switch name {
		case "..":
			at = place{names: at.names[:max(0, len(at.names)-1)]}
			continue
		case ".":
			continue
		}
		next, target, err := v.step(at, name)
		if err != nil {
			return place{}, err
		}
		if target == "" {
			at = next
			continue
		}
		if links++; links > maxLinks {
			return place{}, &lost{at: next, reason: "is a link that never ends", err: unix.ELOOP}
		}
		if strings.HasPrefix(target, "/") {
			at = place{}
		}
		todo = append(split(target), todo...)
	}
	return at, nil
}

// step looks one name up; target is its text when it is a link.
func (v *view) step(at place, name string) (next place, target string, err error) {
	next = place{names: append(slices.Clip(at.names), name)}
	if v.left--; v.left < 0 {
		return next, "", &lost{at: next, reason: "was not looked at: the tree leads through too many names", err: unix.E2BIG}
	}
	next.info, err = os.Lstat(v.real(next.names))
	if errors.Is(err, fs.ErrNotExist) {
		if target := v.standIn(next.names); target != "" {
			return next, target, nil
		}
		return next, "", &lost{at: next, reason: "is missing", err: fs.ErrNotExist}
	}
	if err == nil && next.info.Mode()&fs.ModeSymlink != 0 {
		target, err = os.Readlink(v.real(next.names))
	}
	if err != nil {
		return next, "", &lost{at: next, reason: reason(err), err: err}
	}
	return next, target, nil
}

// standIn is where a missing root link (/bin, /lib64 …) will lead once Links
// has made it.
func (v *view) standIn(names []string) string {
	if len(names) != 1 {
		return ""
	}
	for _, target := range standsFor(names[0]) {
		if info, err := os.Lstat(v.real(split(target))); err == nil && info.IsDir() {
			return target
		}
	}
	return ""
}

// split cuts a path into its names. Empty ones mean nothing, except that a slash
// at the end asks for a folder, as "." does.
func split(path string) []string {
	names := slices.DeleteFunc(strings.Split(path, "/"), func(n string) bool { return n == "" })
	if strings.HasSuffix(path, "/") {
		names = append(names, ".")
	}
	return names
}
