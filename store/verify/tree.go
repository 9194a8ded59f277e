package verify

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"golang.org/x/sys/unix"

	"moss/internal/parallel"
	"moss/store/activate"
	"moss/store/stone"
	"moss/store/tree"
)

// sealName seals a tree; it is in no manifest.
const sealName = ".stateID"

// Tree compares the tree in usr with the manifest of state id. What cannot be
// read is a finding; an error means that the comparison itself could not be made.
func (c *Checker) Tree(ctx context.Context, usr string, id activate.ID, t *tree.Tree) ([]Finding, error) {
	w := walk{checker: c, usr: usr, tree: t}
	w.group()
	parts := make([]part, len(w.folders))
	err := parallel.Each(ctx, len(w.folders), func(i int) (err error) {
		parts[i], err = w.folder(w.folders[i])
		c.tick(len(w.children[w.folders[i]]))
		return err
	})
	if err != nil {
		return nil, err
	}
	found, err := w.top(id)
	if err != nil {
		return nil, err
	}
	var jobs []job
	for _, p := range parts {
		found = append(found, p.found...)
		for _, r := range p.reads {
			jobs = append(jobs, r.job)
		}
	}
	if err := c.read(ctx, jobs); err != nil {
		return nil, err
	}
	for _, p := range parts {
		for _, r := range p.reads {
			found = append(found, c.judge(r)...)
		}
	}
	for i := range found {
		found[i].State = id
	}
	Sort(found)
	return found, nil
}

// walk is one tree under comparison.
type walk struct {
	checker  *Checker
	usr      string
	tree     *tree.Tree
	folders  []string         // that the manifest has, "" first
	children map[string][]int // entries by their folder
	there    map[string]bool  // folders that are folders on disk, and so are all above
}

type part struct {
	found []Finding
	reads []read
}

// read is a file whose content is still to be compared.
type read struct {
	job
	entry *tree.Entry
}

// group sorts the entries by folder and finds out which folders can be walked. A
// folder that became a symlink is not followed: what lies behind it is not ours.
func (w *walk) group() {
	w.folders, w.children, w.there = []string{""}, map[string][]int{}, map[string]bool{"": true}
	for i := range w.tree.Entries {
		e := &w.tree.Entries[i]
		up := above(e.Path)
		w.children[up] = append(w.children[up], i)
		if !e.IsDir() {
			continue
		}
		w.folders = append(w.folders, e.Path)
		var st unix.Stat_t
		w.there[e.Path] = w.there[up] && unix.Lstat(filepath.Join(w.usr, e.Path), &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR
	}
}

func above(p string) string {
	if up := path.Dir(p); up != "." {
		return up
	}
	return ""
}

// top looks at /usr itself and at the seal.
func (w *walk) top(id activate.ID) (found []Finding, err error) {
	var st unix.Stat_t
	root := &tree.Entry{Layout: stone.Layout{Mode: unix.S_IFDIR | 0o755}}
	if err := unix.Lstat(w.usr, &st); err != nil {
		return []Finding{{Path: "/usr", What: Missing, Got: err.Error(), Entry: root}}, nil
	}
	found, _ = inspect(root, w.usr, &st)
	for i := range found {
		found[i].Path = "/usr"
	}
	says, err := activate.LiveID(w.usr)
	seal := Finding{Path: shown(sealName), What: Seal, Want: id.String()}
	switch {
	case errors.Is(err, activate.ErrUnsealed):
		return append(found, seal), nil
	case errors.Is(err, fs.ErrPermission):
		return nil, &AccessError{w.usr, unix.EACCES}
	case err != nil:
		seal.What, seal.Got = Unreadable, reason(err)
		return append(found, seal), nil
	case says != id:
		seal.Got = says.String()
		return append(found, seal), nil
	}
	return found, nil
}

func shown(rel string) string { return "/usr/" + rel }

// folder compares one folder's names, and everything about them but content.
func (w *walk) folder(dir string) (p part, err error) {
	if !w.there[dir] {
		for _, i := range w.children[dir] {
			e := &w.tree.Entries[i]
			p.found = append(p.found, Finding{Path: shown(e.Path), What: Missing, Entry: e})
		}
		return p, nil
	}
	names, err := os.ReadDir(filepath.Join(w.usr, dir))
	if errors.Is(err, fs.ErrPermission) {
		return p, &AccessError{filepath.Join(w.usr, dir), unix.EACCES}
	}
	if err != nil {
		at := "/usr"
		if dir != "" {
			at = shown(dir)
		}
		p.found = append(p.found, Finding{Path: at, What: Unreadable, Got: reason(err)})
	}
	known := map[string]bool{}
	for _, i := range w.children[dir] {
		e := &w.tree.Entries[i]
		known[path.Base(e.Path)] = true
		if err := w.entry(e, &p); err != nil {
			return p, err
		}
	}
	for _, name := range names {
		rel := path.Join(dir, name.Name())
		if !known[name.Name()] && rel != sealName {
			p.found = append(p.found, Finding{Path: shown(rel), What: Extra, Got: kindName(modeOf(name.Type()))})
		}
	}
	return p, nil
}

func (w *walk) entry(e *tree.Entry, p *part) error {
	var st unix.Stat_t
	at := filepath.Join(w.usr, e.Path)
	err := unix.Lstat(at, &st)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return &AccessError{at, unix.EACCES}
	case errors.Is(err, fs.ErrNotExist):
		p.found = append(p.found, Finding{Path: shown(e.Path), What: Missing, Entry: e})
		return nil
	case err != nil:
		p.found = append(p.found, Finding{Path: shown(e.Path), What: Unreadable, Got: err.Error(), Entry: e})
		return nil
	}
	found, need := inspect(e, at, &st)
	for i := range found {
		found[i].Path = shown(e.Path)
	}
	p.found = append(p.found, found...)
	if need {
		p.reads = append(p.reads, read{job{inodeOf(&st), at}, e})
	}
	return nil
}

// judge compares a content that was read.
func (c *Checker) judge(r read) []Finding {
	got, _ := c.lookup(r.inode)
	f := Finding{Path: shown(r.entry.Path), Entry: r.entry}
	switch {
	case got.err != "":
		f.What, f.Got = Unreadable, got.err
	case got.hash != r.entry.Hash:
		f.What, f.Want, f.Got = Content, r.entry.Hash.String(), got.hash.String()
	default:
		return nil
	}
	return []Finding{f}
}

// modeOf is the kind that a folder's listing names, as st_mode has it.
func modeOf(m fs.FileMode) uint32 {
	switch {
	case m&fs.ModeDir != 0:
		return unix.S_IFDIR
	case m&fs.ModeSymlink != 0:
		return unix.S_IFLNK
	case m&fs.ModeNamedPipe != 0:
		return unix.S_IFIFO
	case m&fs.ModeSocket != 0:
		return unix.S_IFSOCK
	case m&fs.ModeDevice != 0:
		return unix.S_IFBLK
	}
	return unix.S_IFREG
}
