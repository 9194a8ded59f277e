package stone

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
)

const layoutRecord = 32

func decodeLayouts(r *records) ([]Layout, error) {
	var layouts []Layout
	seen := map[string]bool{}
	for r.next() {
		l, err := decodeLayout(r)
		if err != nil {
			return nil, err
		}
		if seen[l.Path] {
			return nil, r.fail("path %q appears twice", l.Path)
		}
		seen[l.Path] = true
		layouts = append(layouts, l)
	}
	return layouts, r.done()
}

func decodeLayout(r *records) (Layout, error) {
	b, err := r.take(layoutRecord, "record")
	if err != nil {
		return Layout{}, err
	}
	l := Layout{UID: be32(b), GID: be32(b[4:]), Mode: be32(b[8:])}
	want, ok := layoutType(l.Mode)
	if !ok || l.Mode > math.MaxUint16 || want != b[20] {
		return Layout{}, r.fail("mode %#o and type %d do not agree", l.Mode, b[20])
	}
	source, err := r.take(uint64(binary.BigEndian.Uint16(b[16:])), "source")
	if err != nil {
		return Layout{}, err
	}
	target, err := r.take(uint64(binary.BigEndian.Uint16(b[18:])), "target")
	if err != nil {
		return Layout{}, err
	}
	if l.Path, err = r.text(target, "path"); err != nil {
		return Layout{}, err
	}
	return l, l.setSource(r, source)
}

func (l *Layout) setSource(r *records, source []byte) (err error) {
	if l.IsRegular() {
		if len(source) != len(l.Hash) {
			return r.fail("source of regular file %q has %d bytes, want %d", l.Path, len(source), len(l.Hash))
		}
		l.Hash = Hash(source)
		return nil
	}
	text, err := r.text(source, "source")
	if err != nil {
		return err
	}
	if !l.IsSymlink() && text != "" {
		return r.fail("%q is neither a file nor a symlink but has source %q", l.Path, text)
	}
	l.Target = text
	return nil
}

func encodeLayouts(layouts []Layout) ([]byte, error) {
	var b []byte
	seen := map[string]bool{}
	for _, l := range layouts {
		if seen[l.Path] {
			return nil, fmt.Errorf("layout %q appears twice", l.Path)
		}
		seen[l.Path] = true
		var err error
		if b, err = appendLayout(b, l); err != nil {
			return nil, fmt.Errorf("layout %q: %w", l.Path, err)
		}
	}
	return b, nil
}

func appendLayout(b []byte, l Layout) ([]byte, error) {
	kind, ok := layoutType(l.Mode)
	if !ok || l.Mode > math.MaxUint16 {
		return nil, fmt.Errorf("mode %#o has no file type", l.Mode)
	}
	source := ""
	switch {
	case l.IsRegular():
		source = string(l.Hash[:])
	case l.IsSymlink():
		source = l.Target
	}
	if !l.IsSymlink() && l.Target != "" {
		return nil, fmt.Errorf("mode %#o with symlink text %q", l.Mode, l.Target)
	}
	if len(source) > math.MaxUint16 || len(l.Path) > math.MaxUint16 {
		return nil, fmt.Errorf("longer than %d bytes", math.MaxUint16)
	}
	if strings.ContainsRune(l.Path, 0) || strings.ContainsRune(l.Target, 0) {
		return nil, fmt.Errorf("holds a NUL byte")
	}
	b = binary.BigEndian.AppendUint32(b, l.UID)
	b = binary.BigEndian.AppendUint32(b, l.GID)
	b = binary.BigEndian.AppendUint32(b, l.Mode)
	b = binary.BigEndian.AppendUint32(b, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(len(source)))
	b = binary.BigEndian.AppendUint16(b, uint16(len(l.Path)))
	b = append(b, kind, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	b = append(b, source...)
	return append(b, l.Path...), nil
}
