// Package asset is the content-addressed store: one file a content, named by
// its hash and by everything a hard link shares.
//
// A hard link shares mode, owner and xattrs with every other name of the file.
// So these are part of the name: a setuid twin of a common content is another
// file, and installing it never changes a state that exists.
package asset

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/zeebo/xxh3"

	"moss/store/stone"
)

// Store is the folder of assets of one root.
type Store struct{ dir string }

// staging holds contents whose bytes are not proved or not yet durable. It lies
// inside the store so that the rename out of it stays on one file system.
const staging = "stage"

// Open prepares the store in dir and drops what an interrupted unpack left.
func Open(dir string) (*Store, error) {
	s := &Store{dir}
	if err := os.RemoveAll(filepath.Join(dir, staging)); err != nil {
		return nil, fmt.Errorf("drop unfinished assets: %w", err)
	}
	for i := range 256 {
		if err := os.MkdirAll(filepath.Join(dir, shard(byte(i))), 0o755); err != nil {
			return nil, fmt.Errorf("prepare asset store: %w", err)
		}
	}
	return s, nil
}

// View is a store that is only read; nothing is prepared or dropped.
func View(dir string) *Store { return &Store{dir} }

func shard(first byte) string { return fmt.Sprintf("%02x", first) }

// Dir is the folder of the store.
func (s *Store) Dir() string { return s.dir }

// Name is the place of a regular file's asset below the store's folder:
// <first byte>/<hash>.<mode>.<uid>.<gid>, and a hash of the xattrs if any.
func Name(l stone.Layout) string {
	name := l.Hash.String() + "." + strconv.FormatUint(uint64(l.Mode&0o7777), 8) +
		"." + strconv.FormatUint(uint64(l.UID), 10) + "." + strconv.FormatUint(uint64(l.GID), 10)
	if len(l.Xattrs) > 0 {
		name += fmt.Sprintf(".%016x", hashXattrs(l.Xattrs))
	}
	return filepath.Join(shard(l.Hash[0]), name)
}

func hashXattrs(xattrs []stone.Xattr) uint64 {
	var b []byte
	for _, x := range xattrs {
		b = append(binary.AppendUvarint(b, uint64(len(x.Name))), x.Name...)
		b = append(binary.AppendUvarint(b, uint64(len(x.Value))), x.Value...)
	}
	return xxh3.Hash(b)
}

// Path is where the asset of l lies or would lie.
func (s *Store) Path(l stone.Layout) string { return filepath.Join(s.dir, Name(l)) }

// Has reports whether the asset is there. What has its final name is whole and
// durable: names are given only after a sync.
func (s *Store) Has(l stone.Layout) (bool, error) {
	_, err := os.Lstat(s.Path(l))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
