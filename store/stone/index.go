package stone

import (
	"cmp"
	"encoding/binary"
	"slices"
)

const indexRecord = 32

// IndexEntry is one content's place among the plain bytes of the content
// payload: from Start up to, not including, End. An empty content is 0..0.
type IndexEntry struct {
	Start, End uint64
	Hash       Hash
}

// Size is the content's length in bytes.
func (e IndexEntry) Size() uint64 { return e.End - e.Start }

func decodeIndex(r *records) ([]IndexEntry, error) {
	var entries []IndexEntry
	seen := map[Hash]bool{}
	for r.next() {
		b, err := r.take(indexRecord, "record")
		if err != nil {
			return nil, err
		}
		e := IndexEntry{Start: be64(b), End: be64(b[8:]), Hash: Hash(b[16:])}
		if e.Start > e.End {
			return nil, r.fail("content %v starts at %d, after its end %d", e.Hash, e.Start, e.End)
		}
		if seen[e.Hash] {
			return nil, r.fail("content %v appears twice", e.Hash)
		}
		seen[e.Hash] = true
		entries = append(entries, e)
	}
	return entries, r.done()
}

func encodeIndex(entries []IndexEntry) []byte {
	b := make([]byte, 0, len(entries)*indexRecord)
	for _, e := range entries {
		b = binary.BigEndian.AppendUint64(b, e.Start)
		b = binary.BigEndian.AppendUint64(b, e.End)
		b = append(b, e.Hash[:]...)
	}
	return b
}

// inFileOrder sorts by place and refuses what a single pass over the content
// cannot serve: entries past the end, and two that share bytes.
func inFileOrder(entries []IndexEntry, plain uint64, offset int64) ([]IndexEntry, error) {
	sorted := slices.SortedStableFunc(slices.Values(entries), func(a, b IndexEntry) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End))
	})
	var last IndexEntry
	for _, e := range sorted {
		if e.End > plain {
			return nil, malformed(offset, "content %v ends at %d, the content payload at %d", e.Hash, e.End, plain)
		}
		if e.Size() == 0 {
			continue
		}
		if e.Start < last.End {
			return nil, malformed(offset, "contents %v and %v share bytes from %d", last.Hash, e.Hash, e.Start)
		}
		last = e
	}
	return sorted, nil
}
