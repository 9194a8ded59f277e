package stone

import (
	"encoding/binary"
	"slices"
)

const metaRecord = 8

// decodeMeta reads one package's records. A record belongs to its tag alone:
// some readers file every record of the dependency type under the runtime
// dependencies, which drags a manifest's build dependencies into an install.
func decodeMeta(r *records) (Meta, error) {
	var m Meta
	fields := m.fields()
	seen := map[tag]bool{}
	for r.next() {
		head, err := r.take(metaRecord, "record")
		if err != nil {
			return Meta{}, err
		}
		value, err := r.take(uint64(be32(head)), "value")
		if err != nil {
			return Meta{}, err
		}
		t := tag(binary.BigEndian.Uint16(head[4:]))
		i := slices.IndexFunc(fields, func(f field) bool { return f.tag == t })
		if i < 0 {
			continue
		}
		if err := fields[i].decode(r, head[6], value, seen[t]); err != nil {
			return Meta{}, err
		}
		seen[t] = true
	}
	for _, f := range fields {
		if f.required && !seen[f.tag] {
			return Meta{}, r.fail("%v is missing", f.tag)
		}
	}
	return m, r.done()
}

func (f field) decode(r *records, prim uint8, value []byte, again bool) error {
	if again && (f.text != nil || f.number != nil) {
		if f.repeats {
			return nil
		}
		return r.fail("%v appears twice", f.tag)
	}
	switch {
	case f.number != nil:
		return f.decodeNumber(r, prim, value)
	case f.deps != nil:
		return f.decodeProvider(r, prim, value)
	}
	if prim != primString {
		return r.fail("%v has type %d, want text", f.tag, prim)
	}
	text, err := r.text(value, f.tag.String())
	if err != nil {
		return err
	}
	if f.texts != nil {
		*f.texts = append(*f.texts, text)
		return nil
	}
	*f.text = text
	return nil
}

// decodeNumber takes any integer type of the format (1 i8, 2 u8, ... 7 i64,
// 8 u64): writers are free to choose a narrow one.
func (f field) decodeNumber(r *records, prim uint8, value []byte) error {
	if prim < 1 || prim > primU64 || len(value) != 1<<((prim-1)/2) {
		return r.fail("%v has type %d and %d bytes, want an integer", f.tag, prim, len(value))
	}
	if signed := prim%2 == 1; signed && value[0]&0x80 != 0 {
		return r.fail("%v is negative", f.tag)
	}
	for _, b := range value {
		*f.number = *f.number<<8 | uint64(b)
	}
	return nil
}

func (f field) decodeProvider(r *records, prim uint8, value []byte) error {
	if prim != primDependency && prim != primProvider || len(value) == 0 {
		return r.fail("%v has type %d and %d bytes, want a dependency", f.tag, prim, len(value))
	}
	// An unknown kind is refused, not skipped: a dependency that nobody looks
	// at would install a package that cannot run.
	kind := DepKind(value[0])
	if kind >= depKinds {
		return r.fail("%v has unknown dependency kind %d", f.tag, value[0])
	}
	name, err := r.text(value[1:], f.tag.String())
	if err != nil {
		return err
	}
	*f.deps = append(*f.deps, Provider{Kind: kind, Name: name})
	return nil
}
