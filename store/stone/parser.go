package stone

// parser collects payloads into a Package.
type parser struct {
	pkg        *Package
	meta       metadata
	seen       [PayloadAttributes + 1]bool
	layout     PayloadHeader
	index      PayloadHeader
	attrs      PayloadHeader // the last one
	attributes []attribute
	skipped    bool // a payload was of no known kind
}

func (p *parser) payload(h PayloadHeader) error {
	if !h.known() {
		p.skipped = true
		return nil
	}
	once := h.Kind != PayloadAttributes && (h.Kind != PayloadMeta || p.pkg.Type == Binary)
	if once && p.seen[h.Kind] {
		return malformed(h.Offset, "second %v payload", h.Kind)
	}
	p.seen[h.Kind] = true
	if h.Kind == PayloadContent {
		return nil
	}
	r, err := p.meta.load(h)
	if err != nil {
		return err
	}
	return p.records(h, r)
}

func (p *parser) records(h PayloadHeader, r *records) (err error) {
	switch h.Kind {
	case PayloadMeta:
		var m Meta
		m, err = decodeMeta(r)
		p.pkg.Metas = append(p.pkg.Metas, m)
	case PayloadLayout:
		p.layout = h
		p.pkg.Layouts, err = decodeLayouts(r)
	case PayloadIndex:
		p.index = h
		p.pkg.Index, err = decodeIndex(r)
	case PayloadAttributes:
		var more []attribute
		more, err = decodeAttributes(r)
		p.attrs = h
		p.attributes = append(p.attributes, more...)
	}
	return err
}

// finish checks what only the whole can show; payloads may come in any order.
func (p *parser) finish() error {
	if p.pkg.Type == Binary && len(p.pkg.Metas) == 0 {
		return malformed(headerSize, "package without a meta payload")
	}
	// A payload's kind is under no checksum: a layout whose kind is damaged would
	// be skipped as unknown, and its package would install as nothing.
	if p.pkg.Type == Binary && p.skipped && len(p.pkg.Index) > 0 && !p.seen[PayloadLayout] {
		return malformed(p.index.Offset, "package has contents, no layout, and a payload of unknown kind")
	}
	if err := joinAttributes(p.pkg.Layouts, p.attributes, p.attrs.start()); err != nil {
		return err
	}
	if p.pkg.Type == Delta {
		return nil // the contents that did not change are elsewhere
	}
	held := make(map[Hash]bool, len(p.pkg.Index)+1)
	held[EmptyHash()] = true
	for _, e := range p.pkg.Index {
		held[e.Hash] = true
	}
	for _, l := range p.pkg.Layouts {
		if l.IsRegular() && !held[l.Hash] {
			return malformed(p.layout.start(), "file %q has content %v, which the index lacks", l.Path, l.Hash)
		}
	}
	return nil
}
