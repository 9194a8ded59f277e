package esp

import (
	"io"

	"moss/internal/mount"
)

// FindIn is Find with a mount table of the test's own, on a machine that shows no
// devices.
func FindIn(root string, points []mount.Point) (Boot, error) {
	s := search{Query: Query{passive: true}, root: root, m: &machine{sys: "/nonexistent", dev: "/nonexistent", points: points, tables: map[string]table{}}}
	return s.boot()
}

// Of lets a query mount file systems of other types than vfat.
func (q Query) Of(types ...string) Query {
	q.types = types
	return q
}

// Quietly is the query that Find asks.
func (q Query) Quietly() Query {
	q.passive = true
	return q
}

type Slot = slot

func ReadTable(r io.ReaderAt, size, sector int64) ([]Slot, error) { return readTable(r, size, sector) }

// Unclean reads a FAT's marks; false, false for what is none.
func Unclean(r io.ReaderAt) (bits int, unclean, ok bool) {
	f, ok := readFAT(r)
	return f.bits, ok && f.unclean(r), ok
}

// Abandon does to a Boot what the end of a killed process does.
func Abandon(b Boot) error { return b.Hold.folder.Close() }
