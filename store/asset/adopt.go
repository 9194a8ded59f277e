package asset

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"moss/store/stone"
)

// NewBatch begins a batch of contents that come from files, not from a stone.
// As with Unpack, call Publish after a sync of the file system, or Drop.
func (s *Store) NewBatch() (*Batch, error) {
	if err := os.MkdirAll(filepath.Join(s.dir, staging), 0o700); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(filepath.Join(s.dir, staging), "")
	if err != nil {
		return nil, err
	}
	return &Batch{store: s, dir: dir}, nil
}

// Adopt writes a content into the batch unless the store or the batch has it.
// It must hash to l.Hash: what is named wrongly here would be wrong in every
// state from now on. An empty content is no asset; nothing is written for it.
func (b *Batch) Adopt(l stone.Layout, content io.Reader) error {
	if l.Hash == stone.EmptyHash() {
		return nil
	}
	has, err := b.store.Has(l)
	if err != nil || has {
		return err
	}
	f, err := os.OpenFile(b.own(l), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	hasher := stone.NewHasher()
	n, err := io.Copy(io.MultiWriter(f, hasher), content)
	if sum := hasher.Sum(); err == nil && sum != l.Hash {
		err = fmt.Errorf("its hash is %s, want %s", sum, l.Hash)
	}
	if err == nil {
		err = Dress(f, l)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(fmt.Errorf("store content of /usr/%s: %w", l.Path, err), os.Remove(b.own(l)))
	}
	b.names = append(b.names, Name(l))
	b.Files, b.Bytes = b.Files+1, b.Bytes+n
	return nil
}

func (b *Batch) own(l stone.Layout) string { return filepath.Join(b.dir, filepath.Base(Name(l))) }

// Path is where the content of l lies now: in the store, or in the batch until
// Publish. A link made of it stays right when Publish gives the file its name.
func (b *Batch) Path(l stone.Layout) (string, error) {
	has, err := b.store.Has(l)
	if err != nil || has {
		return b.store.Path(l), err
	}
	return b.own(l), nil
}
