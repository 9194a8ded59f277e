package system

import (
	"errors"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"moss/store"
	"moss/store/state"
	"moss/store/tree"
)

// liveTree is the live state with its paths.
type liveTree struct {
	root     string
	id       state.ID
	tree     *tree.Tree
	packages map[string]*store.Chosen // by id
}

func openLive(root string) (*liveTree, error) {
	s, id, err := live(root)
	if err != nil {
		return nil, err
	}
	l := &liveTree{root: root, id: id, packages: map[string]*store.Chosen{}}
	return l, errors.Join(l.load(s), s.Close())
}

func (l *liveTree) load(s *store.Store) (err error) {
	chosen, err := s.Selected(l.id)
	if err != nil {
		return err
	}
	for _, p := range builds(chosen) {
		l.packages[p.ID] = p
	}
	if l.tree, err = s.Manifest(l.id); errors.Is(err, os.ErrNotExist) {
		return &UnknownError{"read the files of state " + l.id.String() + ": its manifest is gone", "run: moss state verify --repair"}
	}
	return err
}

// owner is the package that brought a path, nil when none did.
func (l *liveTree) owner(e *tree.Entry) *store.Chosen {
	if e.Owner == tree.Implied || e.Owner >= len(l.tree.Packages) {
		return nil
	}
	return l.packages[l.tree.Packages[e.Owner]]
}

// entry finds a path, relative to /usr.
func (l *liveTree) entry(path string) *tree.Entry {
	i := l.search(path)
	if i < len(l.tree.Entries) && l.tree.Entries[i].Path == path {
		return &l.tree.Entries[i]
	}
	return nil
}

func (l *liveTree) search(path string) int {
	return sort.Search(len(l.tree.Entries), func(i int) bool { return l.tree.Entries[i].Path >= path })
}

// below lists what is in a folder, at any depth.
func (l *liveTree) below(path string) []tree.Entry {
	if path == "" {
		return l.tree.Entries
	}
	from := l.search(path + "/")
	to := l.search(path + "0") // the character after the slash
	return l.tree.Entries[from:to]
}

const maxFollowed = 40 // links, as in Linux

// follow gives the place of a path inside the root, without a leading slash.
// Links on the way are followed: /bin/sh is /usr/bin/sh where /bin is a link.
// The last name is followed only to get below /usr: what is asked about is the
// link, not what it names.
func (l *liveTree) follow(path string) string {
	var done []string
	todo := strings.Split(path, "/")
	for links := 0; len(todo) > 0 && links < maxFollowed; {
		name := todo[0]
		todo = todo[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			done = done[:max(0, len(done)-1)]
			continue
		}
		done = append(done, name)
		target := l.link(done)
		if target == "" || len(todo) == 0 && done[0] == "usr" {
			continue
		}
		links++
		done = done[:len(done)-1]
		if strings.HasPrefix(target, "/") {
			done = nil
		}
		todo = append(strings.Split(target, "/"), todo...)
	}
	return strings.Join(done, "/")
}

// link is the text of a link: of the manifest below /usr, of the disk elsewhere.
func (l *liveTree) link(place []string) string {
	if place[0] == "usr" {
		if e := l.entry(strings.Join(place[1:], "/")); e != nil && e.IsSymlink() {
			return e.Target
		}
		return ""
	}
	target, err := os.Readlink(filepath.Join(l.root, filepath.Join(place...)))
	if err != nil {
		return ""
	}
	return target
}
