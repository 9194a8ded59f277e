package stone

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
)

// Source is one content to write: its hash, its size in bytes and how to read
// it. Open is called once, and not at all for an empty content.
type Source struct {
	Hash Hash
	Size int64
	Open func() (io.ReadCloser, error)
}

// plan is a file before any of it is written.
type plan struct {
	payloads []metaPayload
	contents []Source // unique, not empty, in file order
	total    uint64   // bytes of contents
	indexed  int      // records of the index; with none there is no content payload
}

// metaPayload is a metadata payload's plain bytes.
type metaPayload struct {
	kind    PayloadKind
	plain   []byte
	records int
}

// planPackage decides order and offsets: meta, layout, attributes (when there
// are xattrs), index, content.
func planPackage(meta Meta, layouts []Layout, sources []Source) (plan, error) {
	var p plan
	b, count, err := encodeMeta(meta)
	if err != nil {
		return plan{}, err
	}
	p.add(PayloadMeta, b, count)
	if b, err = encodeLayouts(layouts); err != nil {
		return plan{}, err
	}
	p.add(PayloadLayout, b, len(layouts))
	if b, count, err = encodeAttributes(layouts); err != nil {
		return plan{}, err
	}
	if count > 0 {
		p.add(PayloadAttributes, b, count)
	}
	index, err := p.place(layouts, sources)
	if err != nil {
		return plan{}, err
	}
	p.indexed = len(index)
	if len(index) > 0 {
		p.add(PayloadIndex, encodeIndex(index), len(index))
	}
	return p, p.check()
}

func (p *plan) add(kind PayloadKind, plain []byte, records int) {
	p.payloads = append(p.payloads, metaPayload{kind, plain, records})
}

// check refuses what a Reader would refuse, before anything is written.
func (p *plan) check() error {
	for _, m := range p.payloads {
		limit := MaxPayload
		if m.kind == PayloadMeta {
			limit = MaxMetaPayload
		}
		if len(m.plain) > limit {
			return fmt.Errorf("%v payload of %d bytes, at most %d are possible", m.kind, len(m.plain), limit)
		}
	}
	if p.total > maxContent {
		return fmt.Errorf("content of %d bytes, at most %d are possible", p.total, uint64(maxContent))
	}
	return nil
}

// place lists each content once, largest first (neighbours of a size compress
// better, and AerynOS' tools write them so), equal sizes by hash so that the
// same input always gives the same file. An empty content is 0..0.
func (p *plan) place(layouts []Layout, sources []Source) ([]IndexEntry, error) {
	unique, err := uniqueSources(sources)
	if err != nil {
		return nil, err
	}
	hasEmpty := unique[EmptyHash()].Open != nil
	delete(unique, EmptyHash())
	for _, l := range layouts {
		if !l.IsRegular() {
			continue
		}
		if l.Hash == EmptyHash() {
			hasEmpty = true
		} else if _, ok := unique[l.Hash]; !ok {
			return nil, fmt.Errorf("layout %q: no source has content %v", l.Path, l.Hash)
		}
	}
	var index []IndexEntry
	for _, s := range inWritingOrder(unique) {
		end := p.total + uint64(s.Size)
		index = append(index, IndexEntry{Start: p.total, End: end, Hash: s.Hash})
		p.contents, p.total = append(p.contents, s), end
	}
	if hasEmpty {
		index = append(index, IndexEntry{Hash: EmptyHash()})
	}
	return index, nil
}

func uniqueSources(sources []Source) (map[Hash]Source, error) {
	unique := make(map[Hash]Source, len(sources))
	for _, s := range sources {
		switch first, again := unique[s.Hash]; {
		case s.Size < 0 || s.Size > maxContent || s.Open == nil:
			return nil, fmt.Errorf("source %v: size %d, or nothing to open", s.Hash, s.Size)
		case again && first.Size != s.Size:
			return nil, fmt.Errorf("source %v: %d bytes and %d bytes", s.Hash, first.Size, s.Size)
		case (s.Size == 0) != (s.Hash == EmptyHash()):
			return nil, fmt.Errorf("source %v: %d bytes cannot have this hash", s.Hash, s.Size)
		case !again:
			unique[s.Hash] = s
		}
	}
	return unique, nil
}

func inWritingOrder(unique map[Hash]Source) []Source {
	sorted := make([]Source, 0, len(unique))
	for _, s := range unique {
		sorted = append(sorted, s)
	}
	slices.SortFunc(sorted, func(a, b Source) int {
		return cmp.Or(cmp.Compare(b.Size, a.Size), bytes.Compare(a.Hash[:], b.Hash[:]))
	})
	return sorted
}

// planMetas is a file of meta payloads only.
func planMetas(metas []Meta) (plan, error) {
	if len(metas) > math.MaxUint16 {
		return plan{}, fmt.Errorf("%d packages, a file holds at most %d", len(metas), math.MaxUint16)
	}
	var p plan
	total := 0
	for _, m := range metas {
		b, count, err := encodeMeta(m)
		if err != nil {
			return plan{}, fmt.Errorf("package %s: %w", m.Name, err)
		}
		p.add(PayloadMeta, b, count)
		total += len(b)
	}
	if total > MaxMetadata {
		return plan{}, fmt.Errorf("metadata of %d bytes, at most %d are possible", total, MaxMetadata)
	}
	return p, p.check()
}
