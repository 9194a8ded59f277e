package repo

import (
	"encoding/binary"
	"errors"

	"moss/store/stone"
)

// cacheMagic begins a packages file; another form of it gets another number, and
// a reader that does not know it goes back to the index itself.
const cacheMagic = "mossrep1"

// cache is an index in the form that loads quickly: an index file of 65,535
// packages is as many zstd frames, this is one run of bytes. The URL and the key
// say what it was made under; with another one in the configuration it does not
// count.
type cache struct {
	url, key string
	packages []Package
}

// encode writes the cache: magic; url and key; uvarint counts of packages, of
// all their providers and of all their licenses; the packages; and 16 bytes
// XXH3-128 of everything before. Texts are a uvarint length and bytes.
func (c cache) encode() []byte {
	var providers, licenses uint64
	for i := range c.packages {
		m := &c.packages[i].Meta
		providers += uint64(len(m.Depends) + len(m.Provides) + len(m.Conflicts) + len(m.BuildDepends))
		licenses += uint64(len(m.Licenses))
	}
	w := cacheWriter{[]byte(cacheMagic)}
	w.texts(c.url, c.key)
	w.numbers(uint64(len(c.packages)), providers, licenses)
	for i := range c.packages {
		w.pack(&c.packages[i])
	}
	digest := stone.HashOf(w.b)
	return append(w.b, digest[:]...)
}

type cacheWriter struct{ b []byte }

func (w *cacheWriter) numbers(all ...uint64) {
	for _, n := range all {
		w.b = binary.AppendUvarint(w.b, n)
	}
}

func (w *cacheWriter) texts(all ...string) {
	for _, s := range all {
		w.b = append(binary.AppendUvarint(w.b, uint64(len(s))), s...)
	}
}

func (w *cacheWriter) pack(p *Package) {
	m := &p.Meta
	w.texts(p.URL, m.Name, m.Version, m.Arch, m.Summary, m.Description, m.SourceID, m.Homepage, m.URI, m.Hash,
		m.SourceURI, m.SourcePath, m.SourceRef)
	w.numbers(m.Release, m.BuildRelease, m.Size, uint64(len(m.Licenses)))
	w.texts(m.Licenses...)
	for _, list := range [][]stone.Provider{m.Depends, m.Provides, m.Conflicts, m.BuildDepends} {
		w.numbers(uint64(len(list)))
		for _, one := range list {
			w.b = append(w.b, byte(one.Kind))
			w.texts(one.Name)
		}
	}
}

var errCache = errors.New("the packages file is damaged, or of another version of moss")

// decodeCache reads what encode wrote, given apart from its checksum. Every text
// is a part of data and none is copied; lists are parts of two large ones.
func decodeCache(data string) (cache, error) {
	r := cacheReader{rest: data}
	if r.bytes(uint64(len(cacheMagic))) != cacheMagic {
		return cache{}, errCache
	}
	c := cache{url: r.text(), key: r.text()}
	count, providers, licenses := r.number(), r.number(), r.number()
	// Each takes some bytes: a count that the file cannot hold is not believed
	// with an allocation.
	if left := uint64(len(r.rest)); r.bad || count > left || providers > left || licenses > left {
		return cache{}, errCache
	}
	r.providers, r.licenses = make([]stone.Provider, 0, providers), make([]string, 0, licenses)
	c.packages = make([]Package, min(count, uint64(len(r.rest)/minCached)))
	if uint64(len(c.packages)) != count {
		return cache{}, errCache
	}
	for i := range c.packages {
		r.unpack(&c.packages[i])
	}
	if r.bad || r.rest != "" {
		return cache{}, errCache
	}
	return c, nil
}

// minCached is the least that one package takes: lengths and numbers alone.
const minCached = 13 + 8

type cacheReader struct {
	rest      string
	bad       bool // something did not fit; what is read from then on is empty
	providers []stone.Provider
	licenses  []string
}

func (r *cacheReader) number() uint64 {
	var n uint64
	for i := range min(len(r.rest), binary.MaxVarintLen64) {
		b := r.rest[i]
		n |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			r.rest = r.rest[i+1:]
			return n
		}
	}
	r.bad, r.rest = true, ""
	return 0
}

func (r *cacheReader) bytes(n uint64) string {
	if n > uint64(len(r.rest)) {
		r.bad, r.rest = true, ""
		return ""
	}
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

func (r *cacheReader) text() string { return r.bytes(r.number()) }

func (r *cacheReader) unpack(p *Package) {
	m := &p.Meta
	for _, to := range [...]*string{&p.URL, &m.Name, &m.Version, &m.Arch, &m.Summary, &m.Description, &m.SourceID, &m.Homepage,
		&m.URI, &m.Hash, &m.SourceURI, &m.SourcePath, &m.SourceRef} {
		*to = r.text()
	}
	m.Release, m.BuildRelease, m.Size = r.number(), r.number(), r.number()
	p.ID, p.Size = m.Hash, int64(m.Size)
	m.Licenses = r.texts()
	for _, to := range [...]*[]stone.Provider{&m.Depends, &m.Provides, &m.Conflicts, &m.BuildDepends} {
		*to = r.list()
	}
}

// texts takes a part of the list that was made for all; more than was announced
// is damage.
func (r *cacheReader) texts() []string {
	from, n := len(r.licenses), r.number()
	if n > uint64(cap(r.licenses)-from) {
		r.bad, r.rest = true, ""
		return nil
	}
	for range n {
		r.licenses = append(r.licenses, r.text())
	}
	return part(r.licenses, from)
}

func (r *cacheReader) list() []stone.Provider {
	from, n := len(r.providers), r.number()
	if n > uint64(cap(r.providers)-from) {
		r.bad, r.rest = true, ""
		return nil
	}
	for range n {
		kind := r.bytes(1)
		if kind == "" {
			return nil
		}
		r.providers = append(r.providers, stone.Provider{Kind: stone.DepKind(kind[0]), Name: r.text()})
	}
	return part(r.providers, from)
}

// part is the end of a list, closed so that an append to it copies.
func part[T any](all []T, from int) []T {
	if len(all) == from {
		return nil
	}
	return all[from:len(all):len(all)]
}
