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
	inside    bool              // the tree alone: the rest of the root is not there
	links     map[string]string // root links that have been chosen
}

const (
	// maxLinks is where Linux gives up, too (MAXSYMLINKS).
	maxLinks = 40
	// maxSteps bounds the names looked up in one check. systemd with all of its
	// libraries needs about a thousand.
	maxSteps = 1 << 18
)

func newView(root, usr string) *view {
	return &view{root: root, usr: usr, left: maxSteps, links: map[string]string{}}
}

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

// step looks one name up; target is its text when it is a link, and of a root
// link the text that Links will give it.
func (v *view) step(at place, name string) (next place, target string, err error) {
	next = place{names: append(slices.Clip(at.names), name)}
	if v.left--; v.left < 0 {
		return next, "", &lost{at: next, reason: "was not looked at: the tree leads through too many names", err: unix.E2BIG}
	}
	if v.inside && next.names[0] != "usr" {
		return next, "", &lost{at: next, reason: "is outside of the tree", err: fs.ErrNotExist}
	}
	next.info, err = os.Lstat(v.real(next.names))
	if err == nil && next.info.Mode()&fs.ModeSymlink != 0 {
		target, err = os.Readlink(v.real(next.names))
	}
	if errors.Is(err, fs.ErrNotExist) || target != "" {
		if link, ok := v.rootLink(next.names, target); ok {
			target = v.target(link, target)
		}
	}
	switch {
	case err == nil || target != "":
		return next, target, nil
	case errors.Is(err, fs.ErrNotExist):
		return next, "", &lost{at: next, reason: "is missing", err: fs.ErrNotExist}
	}
	return next, "", &lost{at: next, reason: reason(err), err: err}
}

// rootLink finds the row of a root link that is missing or ours, for which
// Links will see to it that it fits the tree.
func (v *view) rootLink(names []string, text string) (rootLink, bool) {
	if len(names) != 1 {
		return rootLink{}, false
	}
	for _, link := range rootLinks() {
		if link.name == names[0] {
			return link, text == "" || link.ours(text)
		}
	}
	return rootLink{}, false
}

// target is the text that a root link needs for this tree. The text that it has
// stays when it leads to the same place, or when there is no place for it at
// all; it is "" when the link is missing.
func (v *view) target(link rootLink, text string) string {
	if chosen, ok := v.links[link.name]; ok {
		return chosen
	}
	var texts []string
	var places []place
	for _, target := range link.targets {
		if p, ok := v.folder(target); ok {
			texts, places = append(texts, target), append(places, p)
		}
	}
	chosen := text
	if len(places) > 0 {
		best := max(0, slices.IndexFunc(places, func(p place) bool { return v.serves(p, link) }))
		now := slices.Index(texts, text)
		if now < 0 || places[now].String() != places[best].String() {
			chosen = texts[best]
		}
	}
	v.links[link.name] = chosen
	return chosen
}

// folder finds a folder of the tree. Links are followed only inside the tree:
// where one leads that leaves it depends on the root links being chosen.
func (v *view) folder(path string) (place, bool) {
	tree := &view{root: v.root, usr: v.usr, left: v.left, inside: true}
	p, err := tree.walk(path)
	return p, err == nil && p.info != nil && p.info.IsDir()
}

func (v *view) serves(p place, link rootLink) bool {
	return slices.ContainsFunc(link.serves, func(name string) bool {
		_, err := os.Lstat(filepath.Join(v.real(p.names), name))
		return err == nil
	})
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
