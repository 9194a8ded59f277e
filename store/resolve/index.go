package resolve

import (
	"hash/maphash"
	"runtime"
	"slices"
	"sync"

	"moss/store/stone"
)

// index finds the packages that have a capability. It holds one number for
// each capability of each package, sorted into buckets by hash: for 100,000
// packages with ten capabilities each that is a fifth of the time and a tenth
// of the memory of a Go map of slices. The strings stay where they are.
type index struct {
	pool  []*Package // files, then installed ones, then those on offer
	files int        // how many of pool are files
	have  int        // how many are files or installed
	seed  maphash.Seed
	start []uint32 // bucket b is owner[start[b]:start[b+1]]
	owner []uint32
}

func newIndex(files, installed, available []Package) *index {
	x := &index{files: len(files), have: len(files) + len(installed), seed: maphash.MakeSeed()}
	x.pool = make([]*Package, 0, x.have+len(available))
	entries := 0
	for _, part := range [][]Package{files, installed, available} {
		for i := range part {
			x.pool = append(x.pool, &part[i])
			entries += 1 + len(part[i].Meta.Provides)
		}
	}
	buckets := 1
	for buckets < entries {
		buckets *= 2
	}
	x.fill(buckets, entries)
	return x
}

// fill counts and places: a counting sort by bucket.
func (x *index) fill(buckets, entries int) {
	x.start, x.owner = make([]uint32, buckets+1), make([]uint32, entries)
	buckets32 := x.bucketsOf(uint32(buckets-1), entries)
	for _, b := range buckets32 {
		x.start[b+1]++
	}
	for b := range buckets {
		x.start[b+1] += x.start[b]
	}
	next, at := slices.Clone(x.start), 0
	for i, p := range x.pool {
		for range 1 + len(p.Meta.Provides) {
			b := buckets32[at]
			x.owner[next[b]] = uint32(i)
			next[b]++
			at++
		}
	}
}

// bucketsOf hashes the capabilities of the pool in order. Nearly all the time
// of building goes into fetching the strings from memory, hence the goroutines.
func (x *index) bucketsOf(mask uint32, entries int) []uint32 {
	all := make([]uint32, entries)
	var wait sync.WaitGroup
	size, at := max(1, len(x.pool)/runtime.GOMAXPROCS(0)+1), 0
	for part := range slices.Chunk(x.pool, size) {
		from := at
		for _, p := range part {
			at += 1 + len(p.Meta.Provides)
		}
		wait.Go(func() {
			out := all[from:from]
			for _, p := range part {
				out = append(out, x.bucket(nameOf(p), mask))
				for _, c := range p.Meta.Provides {
					out = append(out, x.bucket(c, mask))
				}
			}
		})
	}
	wait.Wait()
	return all
}

func (x *index) bucket(c stone.Provider, mask uint32) uint32 {
	return (uint32(maphash.String(x.seed, c.Name)) + uint32(c.Kind)*0x9e3779b1) & mask
}

// owners are the packages of the bucket that c is in: those that have it, and
// strangers. A package comes up once for each capability it has in the bucket,
// in a row.
func (x *index) owners(c stone.Provider) []uint32 {
	b := x.bucket(c, uint32(len(x.start)-2))
	return x.owner[x.start[b]:x.start[b+1]]
}

func nameOf(p *Package) stone.Provider {
	return stone.Provider{Kind: stone.KindName, Name: p.Meta.Name}
}

// has reports whether p provides c; each package provides its own name.
func (p *Package) has(c stone.Provider) bool {
	return c.Kind == stone.KindName && c.Name == p.Meta.Name || slices.Contains(p.Meta.Provides, c)
}
