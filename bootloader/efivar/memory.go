package efivar

import (
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"slices"
)

// Memory holds variables in memory: for tests, and for planning a change
// without making it. The zero value is empty and ready.
type Memory struct{ vars map[Key]value }

type value struct {
	data  []byte
	attrs Attributes
}

var _ Vars = (*Memory)(nil)

// Read implements Vars.
func (m *Memory) Read(key Key) ([]byte, Attributes, error) {
	v, ok := m.vars[key]
	if !ok {
		return nil, 0, fmt.Errorf("read EFI variable %s: %w", key.Name, fs.ErrNotExist)
	}
	return bytes.Clone(v.data), v.attrs, nil
}

// Write implements Vars.
func (m *Memory) Write(key Key, data []byte, attrs Attributes) error {
	if err := checkWrite(key, data); err != nil {
		return err
	}
	if m.vars == nil {
		m.vars = map[Key]value{}
	}
	m.vars[key] = value{bytes.Clone(data), attrs}
	return nil
}

// Delete implements Vars.
func (m *Memory) Delete(key Key) error {
	delete(m.vars, key)
	return key.check()
}

// List implements Vars.
func (m *Memory) List() ([]Key, error) {
	var keys []Key
	for key := range m.vars {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, byText)
	return keys, nil
}

func byText(a, b Key) int { return cmp.Compare(a.String(), b.String()) }
