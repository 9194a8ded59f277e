package pack

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"moss/store/stone"
	"moss/store/tree"
)

// Extracted says what came out of one stone.
type Extracted struct {
	File          string
	Name, Version string
	Files         int      // paths of the package, folders of their own included
	Bytes         int64    // of all different contents
	Notes         []string // what could not be kept, for an ordinary user
}

// Extract unpacks stone files into dir/usr, which is made if it is not there.
// Several merge as they would in a state: they may share folders, nothing else.
//
// Nothing is believed: every path is checked before the first byte is written, no
// symlink is followed (openat2, Linux 5.6), nothing that is there is replaced, and
// a content gets its name after its hash was proved and it has its owner, mode
// and extended attributes. Damage and conflicts, between the stones or with what
// is in dir, are found before anything appears under usr. Nothing is synced.
func Extract(ctx context.Context, files []string, dir string) (results []Extracted, err error) {
	stones, err := openStones(files)
	defer func() { err = errors.Join(err, closeStones(stones)) }()
	if err != nil {
		return nil, err
	}
	merged, err := mergeStones(stones)
	if err != nil {
		return nil, err
	}
	t, err := openTarget(dir, merged)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	if err := t.vacant(merged, stones); err != nil {
		return nil, err
	}
	for _, s := range stones {
		if err := t.prove(ctx, s); err != nil {
			return nil, err
		}
		results = append(results, s.result(t.root))
	}
	return results, t.blit(ctx, merged)
}

// openStone is one open stone.
type openStone struct {
	file   string
	reader *stone.Reader
	pkg    *stone.Package
	sizes  map[stone.Hash]uint64
}

func (s openStone) label() string { return s.pkg.Meta().Name + " " + s.pkg.Meta().Version }

func openStones(files []string) (all []openStone, err error) {
	for _, file := range files {
		r, err := stone.Open(file)
		if err != nil {
			return all, Damage(file, fmt.Errorf("extract: %w", err))
		}
		s := openStone{file: file, reader: r, pkg: r.Package(), sizes: map[stone.Hash]uint64{}}
		all = append(all, s)
		if s.pkg.Type != stone.Binary {
			return all, fmt.Errorf("extract %s: it is a %v, not a package", file, s.pkg.Type)
		}
		for _, e := range s.pkg.Index {
			s.sizes[e.Hash] = e.Size()
		}
	}
	return all, nil
}

func closeStones(all []openStone) (err error) {
	for _, s := range all {
		err = errors.Join(err, s.reader.Close())
	}
	return err
}

// mergeStones merges the stones' paths by the rules of a state.
func mergeStones(all []openStone) (*tree.Tree, error) {
	var packages []tree.Package
	for _, s := range all {
		p := tree.Package{ID: s.file, Name: s.label()}
		for _, l := range s.pkg.Layouts {
			p.Entries = append(p.Entries, tree.Entry{Layout: l, Size: int64(s.sizes[l.Hash])})
		}
		packages = append(packages, p)
	}
	return tree.Build(packages)
}

func (s openStone) result(root bool) Extracted {
	r := Extracted{File: s.file, Name: s.pkg.Meta().Name, Version: s.pkg.Meta().Version, Files: len(s.pkg.Layouts)}
	for _, size := range s.sizes {
		r.Bytes += int64(size)
	}
	if !root && slices.ContainsFunc(s.pkg.Layouts, privileged) {
		r.Notes = append(r.Notes, "owners, setuid bits and capabilities were not kept: only root can")
	}
	return r
}

// privileged is what an ordinary user cannot give a file.
func privileged(l stone.Layout) bool {
	return l.UID != 0 || l.GID != 0 || !l.IsSymlink() && l.Mode&0o6000 != 0 || len(l.Xattrs) > 0
}
