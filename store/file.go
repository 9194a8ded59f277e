package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"

	"moss/internal/parallel"
	"moss/store/state"
	"moss/store/stone"
	"moss/store/tree"
)

// File is a stone file to be unpacked.
type File struct {
	Path string
	ID   string // the SHA-256 that it must have, hex; "" accepts any
	Repo string // the repository that it came from, "" for a file of the user's
}

// Prepared is a stone file whose metadata and paths were checked; nothing of it
// is in the store yet. Close it.
type Prepared struct {
	state.Package
	file   *os.File
	reader *stone.Reader
	tree   *tree.Tree
}

// ChangedError says that a file is not the one that was asked for.
type ChangedError struct{ Path, Want, Got string }

func (e *ChangedError) Error() string {
	return fmt.Sprintf("read stone %s: its sha256 is %s, want %s", e.Path, e.Got, e.Want)
}

// Unwrap makes it a refusal: nothing was changed.
func (e *ChangedError) Unwrap() error { return ErrRefused }

// Hint says what to do.
func (e *ChangedError) Hint() string {
	return "the file was replaced or damaged; remove it and try again"
}

// Prepare reads what stone files say of themselves and applies every rule about
// paths, all without writing. The files stay open: what was checked is what
// Unpack unpacks, even if a name is given to another file meanwhile.
func Prepare(ctx context.Context, files []File) ([]*Prepared, error) {
	all := make([]*Prepared, len(files))
	err := parallel.Each(ctx, len(files), func(i int) (err error) {
		all[i], err = prepare(files[i])
		return err
	})
	if err != nil {
		for _, one := range all {
			one.Close()
		}
		return nil, err
	}
	return all, nil
}

func prepare(file File) (*Prepared, error) {
	f, err := os.Open(file.Path)
	if err != nil {
		return nil, fmt.Errorf("open stone: %w", err)
	}
	p := &Prepared{file: f}
	if err := p.read(file); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

func (p *Prepared) read(file File) error {
	sum := sha256.New()
	size, err := io.Copy(sum, p.file)
	if err != nil {
		return fmt.Errorf("read stone: %w", err)
	}
	id := hex.EncodeToString(sum.Sum(nil))
	if file.ID != "" && file.ID != id {
		return &ChangedError{file.Path, file.ID, id}
	}
	if p.reader, err = stone.NewReader(p.file, size); err != nil {
		return fmt.Errorf("read stone %s: %w", file.Path, err)
	}
	content := p.reader.Package()
	p.Package = state.Package{ID: id, Meta: content.Meta(), StoneSize: size, Repo: file.Repo, Files: len(content.Layouts)}
	for _, e := range content.Index {
		p.Content += int64(e.Size())
	}
	p.tree, err = layoutTree(p.Package, content)
	return err
}

// Close lets go of the file; it may be called on nil.
func (p *Prepared) Close() {
	if p != nil && p.file != nil {
		_ = p.file.Close() // it was only read
	}
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
