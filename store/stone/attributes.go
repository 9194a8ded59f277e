package stone

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

const (
	attributeRecord = 16
	xattrPrefix     = "xattr/"
)

// attribute is one record that was understood: an xattr of a path.
type attribute struct {
	path string
	Xattr
}

func decodeAttributes(r *records) ([]attribute, error) {
	var found []attribute
	for r.next() {
		b, err := r.take(attributeRecord, "record")
		if err != nil {
			return nil, err
		}
		key, err := r.take(be64(b), "key")
		if err != nil {
			return nil, err
		}
		value, err := r.take(be64(b[8:]), "value")
		if err != nil {
			return nil, err
		}
		a, known, err := parseAttribute(r, key, value)
		if err != nil {
			return nil, err
		}
		if known {
			found = append(found, a)
		}
	}
	return found, r.done()
}

func parseAttribute(r *records, key, value []byte) (attribute, bool, error) {
	rest, ok := strings.CutPrefix(string(key), xattrPrefix)
	if !ok {
		return attribute{}, false, nil
	}
	// Linux allows a slash in an xattr's name; a writer refuses such names, so
	// the first slash always ends the name.
	name, path, ok := strings.Cut(rest, "/")
	if !ok || name == "" || strings.ContainsRune(rest, 0) {
		return attribute{}, false, r.fail("key %q is not %s<name>/<path>", key, xattrPrefix)
	}
	return attribute{path, Xattr{Name: name, Value: slices.Clone(value)}}, true, nil
}

// joinAttributes gives each xattr to its layout.
func joinAttributes(layouts []Layout, attributes []attribute, offset int64) error {
	if len(attributes) == 0 {
		return nil
	}
	at := make(map[string]*Layout, len(layouts))
	for i := range layouts {
		at[layouts[i].Path] = &layouts[i]
	}
	for _, a := range attributes {
		l := at[a.path]
		if l == nil {
			return malformed(offset, "xattr %q of %q, which no layout has", a.Name, a.path)
		}
		if l.hasXattr(a.Name) {
			return malformed(offset, "xattr %q of %q appears twice", a.Name, a.path)
		}
		l.Xattrs = append(l.Xattrs, a.Xattr)
	}
	return nil
}

func (l *Layout) hasXattr(name string) bool {
	return slices.ContainsFunc(l.Xattrs, func(x Xattr) bool { return x.Name == name })
}

func encodeAttributes(layouts []Layout) (b []byte, count int, err error) {
	for _, l := range layouts {
		names := map[string]bool{}
		for _, x := range l.Xattrs {
			if x.Name == "" || strings.ContainsAny(x.Name, "/\x00") || names[x.Name] {
				return nil, 0, fmt.Errorf("layout %q: xattr name %q is empty, repeated or holds a slash or NUL", l.Path, x.Name)
			}
			names[x.Name] = true
			key := xattrPrefix + x.Name + "/" + l.Path
			b = binary.BigEndian.AppendUint64(b, uint64(len(key)))
			b = binary.BigEndian.AppendUint64(b, uint64(len(x.Value)))
			b = append(append(b, key...), x.Value...)
			count++
		}
	}
	return b, count, nil
}
