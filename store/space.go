package store

import (
	"fmt"

	"golang.org/x/sys/unix"

	"moss/store/tree"
)

// SpaceError says how much a transaction needs.
type SpaceError struct {
	Where, Unit string // bytes or inodes
	Need, Have  uint64
}

func (e *SpaceError) Error() string {
	return fmt.Sprintf("no space on %s: need %d %s, have %d", e.Where, e.Need, e.Unit, e.Have)
}

// Unwrap makes it a refusal: nothing was changed.
func (e *SpaceError) Unwrap() error { return ErrRefused }

// Hint says what helps.
func (e *SpaceError) Hint() string {
	return "remove old states (moss state prune) or other files from that file system"
}

const (
	// block is what the smallest file and each folder cost on the file systems we
	// know at their usual block size.
	block = 4096
	// recordCost is the most that a path takes in manifest, layouts and folder
	// together, beside its own name.
	recordCost = 64
	// databaseCost is what the database and its WAL may grow by.
	databaseCost = 1 << 20
)

// Need is what a transaction takes of the root's file system at its peak.
type Need struct {
	Files int    // contents that the store does not have
	Bytes int64  // their size
	Total uint64 // with folders, links and records, rounded up to blocks
	Nodes uint64 // inodes
}

// Needs adds up what unpacking fresh and staging t will take.
func (s *Store) Needs(t *tree.Tree, fresh []*Prepared) (Need, error) {
	var need Need
	total := uint64(databaseCost)
	for _, p := range fresh {
		lacks, err := s.assets.Lacks(p.reader)
		if err != nil {
			return need, err
		}
		for _, size := range lacks {
			need.Files++
			need.Nodes++
			need.Bytes += size
			total += blocks(uint64(size))
		}
	}
	for _, e := range t.Entries {
		total += uint64(2*len(e.Path)) + recordCost
		if e.IsDir() || e.IsRegular() && e.Size == 0 {
			need.Nodes++
			total += block
		}
	}
	need.Total = total
	return need, nil
}

func blocks(size uint64) uint64 { return (size + block - 1) / block * block }

// CheckSpace refuses when fewer than need bytes or inodes are free for this user.
func (s *Store) CheckSpace(need Need) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(s.path(), &fs); err != nil {
		return fmt.Errorf("ask for free space: %w", err)
	}
	if have := fs.Bavail * uint64(fs.Bsize); have < need.Total {
		return &SpaceError{s.path(), "bytes", need.Total, have}
	}
	// btrfs counts no inodes and says 0 of 0.
	if fs.Files > 0 && fs.Ffree < need.Nodes {
		return &SpaceError{s.path(), "inodes", need.Nodes, fs.Ffree}
	}
	return nil
}
