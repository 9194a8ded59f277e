package stone

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
)

// encodeMeta writes what m holds, in the order of fields. Unlike other writers
// it also writes providers of the name kind, so that what was read can be
// written again without loss; a package need not list its own.
func encodeMeta(m Meta) (b []byte, count int, err error) {
	for _, f := range m.fields() {
		for _, value := range f.values() {
			if len(value) > math.MaxUint32 {
				return nil, 0, fmt.Errorf("meta %v: %d bytes", f.tag, len(value))
			}
			if err := f.check(value); err != nil {
				return nil, 0, fmt.Errorf("meta %v: %w", f.tag, err)
			}
			b = binary.BigEndian.AppendUint32(b, uint32(len(value)))
			b = binary.BigEndian.AppendUint16(b, uint16(f.tag))
			b = append(b, f.prim, 0)
			b = append(b, value...)
			count++
		}
	}
	return b, count, nil
}

// values is the field as record values: none for an empty optional scalar.
func (f field) values() []string {
	var values []string
	switch {
	case f.number != nil && (f.required || *f.number != 0):
		values = append(values, string(binary.BigEndian.AppendUint64(nil, *f.number)))
	case f.text != nil && (f.required || *f.text != ""):
		values = append(values, *f.text+"\x00")
	case f.texts != nil:
		for _, text := range *f.texts {
			values = append(values, text+"\x00")
		}
	case f.deps != nil:
		for _, p := range *f.deps {
			values = append(values, string([]byte{byte(p.Kind)})+p.Name+"\x00")
		}
	}
	return values
}

func (f field) check(value string) error {
	if f.number != nil {
		return nil
	}
	text := value[:len(value)-1]
	if f.deps != nil {
		if DepKind(text[0]) >= depKinds {
			return fmt.Errorf("unknown dependency kind %d", text[0])
		}
		text = text[1:]
	}
	if strings.ContainsRune(text, 0) {
		return fmt.Errorf("%q holds a NUL byte", text)
	}
	return nil
}
