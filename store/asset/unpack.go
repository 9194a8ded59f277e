package asset

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"moss/internal/fault"
	"moss/store/stone"
)

// Batch is the unpacked contents of one stone, proved but not yet visible.
type Batch struct {
	store *Store
	dir   string
	names []string // final names below the store's folder
	Files int      // contents written
	Bytes int64    // their size
}

// Unpack writes the contents of r that the store does not have into a private
// folder. When it returns nil every one of them matched its hash. Call Publish
// on the batch after a sync of the file system, or Drop.
func (s *Store) Unpack(r *stone.Reader) (*Batch, error) {
	if err := os.MkdirAll(filepath.Join(s.dir, staging), 0o700); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(filepath.Join(s.dir, staging), "")
	if err != nil {
		return nil, err
	}
	b := &Batch{store: s, dir: dir}
	missing, err := s.missing(r.Package().Layouts)
	if err == nil && len(missing) > 0 {
		err = r.Contents(dir, func(e stone.IndexEntry, content io.Reader) error {
			return b.write(e, missing[e.Hash], content)
		})
	}
	if err != nil {
		return nil, errors.Join(err, b.Drop())
	}
	return b, nil
}

// Lacks gives the size of each asset that unpacking r would write.
func (s *Store) Lacks(r *stone.Reader) ([]int64, error) {
	missing, err := s.missing(r.Package().Layouts)
	if err != nil {
		return nil, err
	}
	var sizes []int64
	for _, e := range r.Package().Index {
		for range missing[e.Hash] {
			sizes = append(sizes, int64(e.Size()))
		}
	}
	return sizes, nil
}

// missing lists, by content, one layout for each asset the store lacks.
func (s *Store) missing(layouts []stone.Layout) (map[stone.Hash][]stone.Layout, error) {
	wanted, seen := map[stone.Hash][]stone.Layout{}, map[string]bool{}
	for _, l := range layouts {
		name := Name(l)
		if !l.IsRegular() || l.Hash == stone.EmptyHash() || seen[name] {
			continue
		}
		seen[name] = true
		has, err := s.Has(l)
		if err != nil {
			return nil, err
		}
		if !has {
			wanted[l.Hash] = append(wanted[l.Hash], l)
		}
	}
	return wanted, nil
}

func (b *Batch) write(e stone.IndexEntry, variants []stone.Layout, content io.Reader) (err error) {
	if len(variants) == 0 {
		return nil
	}
	var outputs []io.Writer
	for _, l := range variants {
		f, createErr := os.OpenFile(filepath.Join(b.dir, filepath.Base(Name(l))), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if createErr != nil {
			return createErr
		}
		defer func() {
			if err == nil {
				err = Dress(f, l)
			}
			err = errors.Join(err, f.Close())
		}()
		outputs = append(outputs, f)
		b.names = append(b.names, Name(l))
	}
	n, err := io.Copy(io.MultiWriter(outputs...), content)
	if err == nil && uint64(n) != e.End-e.Start {
		err = fmt.Errorf("write content %s: got %d bytes, want %d", e.Hash, n, e.End-e.Start)
	}
	b.Files += len(variants)
	b.Bytes += n * int64(len(variants))
	return err
}

// Publish gives the batch's files their final names. It must come after a sync
// of the file system: a name in the store is a promise that the bytes are on
// disk, and no later transaction reads them again to make sure.
func (b *Batch) Publish() error {
	if err := fault.Point("unpack/publish"); err != nil {
		return err
	}
	for _, name := range b.names {
		if err := os.Rename(filepath.Join(b.dir, filepath.Base(name)), filepath.Join(b.store.dir, name)); err != nil {
			return fmt.Errorf("publish asset: %w", err)
		}
	}
	return b.Drop()
}

// Drop removes the private folder with whatever is still in it.
func (b *Batch) Drop() error {
	if err := os.RemoveAll(b.dir); err != nil {
		return fmt.Errorf("drop unfinished assets: %w", err)
	}
	return nil
}

// modeBits turns the permission part of a st_mode into Go's form, so that
// os.File.Chmod sets setuid, setgid and sticky too.
func modeBits(mode uint32) fs.FileMode {
	bits := fs.FileMode(mode & 0o777)
	for from, to := range map[uint32]fs.FileMode{0o4000: fs.ModeSetuid, 0o2000: fs.ModeSetgid, 0o1000: fs.ModeSticky} {
		if mode&from != 0 {
			bits |= to
		}
	}
	return bits
}
