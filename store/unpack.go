package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"moss/internal/atomicfile"
	"moss/internal/fault"
	"moss/internal/parallel"
	"moss/store/asset"
	"moss/store/state"
	"moss/store/stone"
	"moss/store/tree"
)

// Unpacked is a stone whose contents are in the store.
type Unpacked struct {
	state.Package
	Files int   // contents that the store did not have
	Bytes int64 // their size
	batch *asset.Batch
	tree  *tree.Tree
}

// Unpack brings the contents of stone files into the store: all of them proved
// against their hashes, then one sync, and only then visible. Package paths are
// checked first. A cut at any moment leaves nothing but a folder that the next
// Open drops.
func (s *Store) Unpack(ctx context.Context, files []string) ([]Unpacked, error) {
	all := make([]Unpacked, len(files))
	err := parallel.Each(ctx, len(files), func(i int) (err error) {
		all[i], err = s.unpackOne(files[i])
		return err
	})
	if err == nil {
		err = s.publish(all)
	}
	for _, one := range all {
		if err != nil && one.batch != nil {
			err = errors.Join(err, one.batch.Drop())
		}
	}
	return all, err
}

func (s *Store) unpackOne(file string) (Unpacked, error) {
	f, err := os.Open(file)
	if err != nil {
		return Unpacked{}, fmt.Errorf("open stone: %w", err)
	}
	defer f.Close()
	sum := sha256.New()
	size, err := io.Copy(sum, f)
	if err != nil {
		return Unpacked{}, fmt.Errorf("read stone: %w", err)
	}
	// The same open file is read twice: what was hashed is what is unpacked,
	// even if the name is given to another file meanwhile.
	r, err := stone.NewReader(f, size)
	if err != nil {
		return Unpacked{}, fmt.Errorf("read stone %s: %w", file, err)
	}
	u := Unpacked{Package: state.Package{ID: hex.EncodeToString(sum.Sum(nil)), Meta: r.Package().Meta(), StoneSize: size}}
	if u.tree, err = layoutTree(u.Package, r.Package()); err != nil {
		return Unpacked{}, err
	}
	if u.batch, err = s.assets.Unpack(r); err != nil {
		return Unpacked{}, fmt.Errorf("unpack stone %s: %w", file, err)
	}
	u.Files, u.Bytes = u.batch.Files, u.batch.Bytes
	return u, nil
}

// layoutTree is a package's own paths as a tree of one package; building it
// applies every rule about paths before anything is written.
func layoutTree(p state.Package, content *stone.Package) (*tree.Tree, error) {
	if content.Type != stone.Binary {
		return nil, fmt.Errorf("read stone of %s: it is a %s, not a package", p.Label(), content.Type)
	}
	sizes := map[stone.Hash]int64{}
	for _, e := range content.Index {
		sizes[e.Hash] = int64(e.End - e.Start)
	}
	own := tree.Package{ID: p.ID, Name: p.Label()}
	for _, l := range content.Layouts {
		e := tree.Entry{Layout: l}
		if l.IsRegular() {
			e.Size = sizes[l.Hash]
		}
		own.Entries = append(own.Entries, e)
	}
	if _, err := tree.Build([]tree.Package{own}); err != nil {
		return nil, err
	}
	return tree.Own(own), nil
}

func (s *Store) publish(all []Unpacked) error {
	var packages []state.Package
	for _, one := range all {
		if err := os.WriteFile(s.layouts(one.ID)+".new", one.tree.Encode(), 0o644); err != nil {
			return fmt.Errorf("record layouts of %s: %w", one.Label(), err)
		}
		packages = append(packages, one.Package)
	}
	if err := fault.Point("unpack/sync"); err != nil {
		return err
	}
	if err := atomicfile.SyncFS(s.path()); err != nil {
		return fmt.Errorf("make assets durable: %w", err)
	}
	for _, one := range all {
		if err := one.batch.Publish(); err != nil {
			return err
		}
		if err := os.Rename(s.layouts(one.ID)+".new", s.layouts(one.ID)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("record layouts of %s: %w", one.Label(), err)
		}
	}
	if err := fault.Point("unpack/record"); err != nil {
		return err
	}
	return s.db.AddPackages(packages)
}

func (s *Store) layouts(id string) string { return filepath.Join(s.path("packages"), id) }
