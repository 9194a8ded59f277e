package pack

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"moss/store/stone"
)

// contents is a scratch folder with one file a content, named by its hash.
type contents struct {
	dir   string
	sizes map[stone.Hash]int64
}

func newContents(dir string) *contents {
	return &contents{dir: dir, sizes: map[stone.Hash]int64{}}
}

// add stores what r holds and returns its name.
func (c *contents) add(r io.Reader) (stone.Hash, error) {
	f, err := os.CreateTemp(c.dir, "new-")
	if err != nil {
		return stone.Hash{}, err
	}
	sum := stone.NewHasher()
	size, err := io.Copy(io.MultiWriter(f, sum), r)
	// Closed first: only then is it known that every byte was taken.
	if err := cmp.Or(err, f.Close()); err != nil {
		return stone.Hash{}, err
	}
	hash := sum.Sum()
	if _, known := c.sizes[hash]; known {
		return hash, os.Remove(f.Name())
	}
	c.sizes[hash] = size
	return hash, os.Rename(f.Name(), c.path(hash))
}

func (c *contents) path(h stone.Hash) string { return filepath.Join(c.dir, h.String()) }

// sources hands the contents to the stone writer, which puts them in its own
// order.
func (c *contents) sources() []stone.Source {
	var all []stone.Source
	for hash, size := range c.sizes {
		all = append(all, fileSource(c.path(hash), hash, size))
	}
	return all
}

func fileSource(name string, hash stone.Hash, size int64) stone.Source {
	return stone.Source{Hash: hash, Size: size, Open: func() (io.ReadCloser, error) { return os.Open(name) }}
}

// hashFile reads a file once to learn its name in the store.
func hashFile(name string) (stone.Hash, int64, error) {
	f, err := os.Open(name)
	if err != nil {
		return stone.Hash{}, 0, err
	}
	defer f.Close()
	sum := stone.NewHasher()
	size, err := io.Copy(sum, f)
	if err != nil {
		return stone.Hash{}, 0, fmt.Errorf("hash %s: %w", name, err)
	}
	return sum.Sum(), size, nil
}
