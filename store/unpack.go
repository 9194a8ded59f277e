package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"moss/internal/atomicfile"
	"moss/internal/fault"
	"moss/internal/parallel"
	"moss/store/asset"
	"moss/store/state"
)

// Unpacked says what an unpack brought into the store.
type Unpacked struct {
	Files int   // contents that the store did not have
	Bytes int64 // their size
}

// Unpack brings the contents of prepared stones into the store: all of them
// proved against their hashes, then one sync, and only then visible. A cut at any
// moment leaves nothing but a folder that the next Open drops. done, if not nil,
// is told of each stone when its contents are proved; it may be called from
// several goroutines at once.
func (s *Store) Unpack(ctx context.Context, stones []*Prepared, done func(*Prepared)) (Unpacked, error) {
	batches := make([]*asset.Batch, len(stones))
	err := parallel.Each(ctx, len(stones), func(i int) (err error) {
		if batches[i], err = s.assets.Unpack(stones[i].reader); err != nil {
			return fmt.Errorf("unpack stone of %s: %w", stones[i].Label(), err)
		}
		if done != nil {
			done(stones[i])
		}
		return nil
	})
	if err == nil {
		err = s.publish(stones, batches)
	}
	var sum Unpacked
	for _, b := range batches {
		if b == nil {
			continue
		}
		sum.Files, sum.Bytes = sum.Files+b.Files, sum.Bytes+b.Bytes
		if err != nil {
			err = errors.Join(err, b.Drop())
		}
	}
	return sum, err
}

func (s *Store) publish(stones []*Prepared, batches []*asset.Batch) error {
	var packages []state.Package
	for _, one := range stones {
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
	for i, one := range stones {
		if err := batches[i].Publish(); err != nil {
			return err
		}
		if err := os.Rename(s.layouts(one.ID)+".new", s.layouts(one.ID)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("record layouts of %s: %w", one.Label(), err)
		}
	}
	// The row makes the package believed. On ext4 and xfs its fsync would bring the
	// renames along; btrfs and f2fs log one file at a time.
	if err := atomicfile.SyncFS(s.path()); err != nil {
		return fmt.Errorf("make names of assets durable: %w", err)
	}
	if err := fault.Point("unpack/record"); err != nil {
		return err
	}
	return s.db.AddPackages(packages)
}

func (s *Store) layouts(id string) string { return filepath.Join(s.path("packages"), id) }

// Downloads is the folder of downloaded stones, each named by its SHA-256: a
// file there was proved when it got its name.
func (s *Store) Downloads() string { return s.path("cache", "downloads") }

// Has reports whether a package is unpacked.
func (s *Store) Has(id string) (bool, error) {
	_, err := s.db.Package(id)
	if errors.Is(err, state.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
