package tree

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/zeebo/xxh3"

	"moss/internal/atomicfile"
	"moss/store/stone"
)

// A manifest is a tree on disk: magic, packages, entries with the path's prefix
// shared with the entry before, and an XXH3-64 of all that came before.
// docs/formats.md has the bytes. It is a flat file and not a table because
// 230,000 rows load from it in under 100 ms.
const manifestMagic = "mossman1"

// ErrManifest is what every unreadable manifest unwraps to.
var ErrManifest = errors.New("manifest damaged")

// Encode is the manifest of t; equal trees give equal bytes.
func (t *Tree) Encode() []byte {
	b := append(make([]byte, 0, 64*len(t.Entries)), manifestMagic...)
	b = binary.AppendUvarint(b, uint64(len(t.Packages)))
	for _, id := range t.Packages {
		b = appendText(b, id)
	}
	b = binary.AppendUvarint(b, uint64(len(t.Entries)))
	before := ""
	for _, e := range t.Entries {
		b = appendEntry(b, before, e)
		before = e.Path
	}
	return binary.BigEndian.AppendUint64(b, xxh3.Hash(b))
}

func appendText[T string | []byte](b []byte, text T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

func appendEntry(b []byte, before string, e Entry) []byte {
	shared := 0
	for shared < min(len(before), len(e.Path)) && before[shared] == e.Path[shared] {
		shared++
	}
	b = binary.AppendUvarint(b, uint64(shared))
	b = appendText(b, e.Path[shared:])
	for _, n := range []uint64{uint64(e.Mode), uint64(e.UID), uint64(e.GID), uint64(e.Owner + 1)} {
		b = binary.AppendUvarint(b, n)
	}
	switch {
	case e.IsRegular():
		b = append(b, e.Hash[:]...)
		b = binary.AppendUvarint(b, uint64(e.Size))
	case e.IsSymlink():
		b = appendText(b, e.Target)
	}
	b = binary.AppendUvarint(b, uint64(len(e.Xattrs)))
	for _, x := range e.Xattrs {
		b = appendText(appendText(b, x.Name), x.Value)
	}
	return b
}

// Decode reads a manifest. Nothing of it is believed before the checksum holds;
// counts and lengths are still bounded by the bytes there are.
func Decode(data []byte) (*Tree, error) {
	body := len(data) - 8
	if body < len(manifestMagic) || string(data[:len(manifestMagic)]) != manifestMagic {
		return nil, fmt.Errorf("%w: not a manifest", ErrManifest)
	}
	if binary.BigEndian.Uint64(data[body:]) != xxh3.Hash(data[:body]) {
		return nil, fmt.Errorf("%w: checksum does not match", ErrManifest)
	}
	d := decoder{data: data[len(manifestMagic):body]}
	t := &Tree{}
	for range d.count() {
		t.Packages = append(t.Packages, d.text())
	}
	before, n := "", d.count()
	t.Entries = make([]Entry, 0, n)
	for range n {
		e := d.entry(before, len(t.Packages))
		t.Entries = append(t.Entries, e)
		before = e.Path
	}
	if len(d.data) != 0 {
		d.fail("bytes after the last entry")
	}
	if d.err != nil {
		return nil, d.err
	}
	return t, nil
}

type decoder struct {
	data []byte
	err  error
}

func (d *decoder) fail(what string) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %s", ErrManifest, what)
	}
	d.data = nil
}

func (d *decoder) number() uint64 {
	n, size := binary.Uvarint(d.data)
	if size <= 0 {
		d.fail("number cut short")
		return 0
	}
	d.data = d.data[size:]
	return n
}

// count is a number of things that each take at least one byte.
func (d *decoder) count() int {
	n := d.number()
	if n > uint64(len(d.data)) {
		d.fail("count larger than the file")
		return 0
	}
	return int(n)
}

func (d *decoder) bytes(n int) []byte {
	if n > len(d.data) {
		d.fail("text cut short")
		return nil
	}
	b := d.data[:n]
	d.data = d.data[n:]
	return b
}

func (d *decoder) text() string { return string(d.bytes(d.count())) }

func (d *decoder) entry(before string, packages int) Entry {
	shared := d.number()
	if shared > uint64(len(before)) {
		d.fail("shared prefix longer than the path before")
		return Entry{}
	}
	e := Entry{Layout: stone.Layout{Path: before[:shared] + d.text()}}
	e.Mode, e.UID, e.GID = uint32(d.number()), uint32(d.number()), uint32(d.number())
	owner := d.number()
	if owner > uint64(packages) {
		d.fail("owner is not in the list of packages")
	}
	e.Owner = int(owner) - 1
	switch {
	case e.IsRegular():
		copy(e.Hash[:], d.bytes(len(e.Hash)))
		e.Size = int64(d.number())
	case e.IsSymlink():
		e.Target = d.text()
	}
	for range d.count() {
		e.Xattrs = append(e.Xattrs, stone.Xattr{Name: d.text(), Value: append([]byte(nil), d.bytes(d.count())...)})
	}
	return e
}

// Save writes the manifest of t to path durably.
func (t *Tree) Save(path string) error {
	return atomicfile.Write(path, t.Encode(), 0o644)
}

// Load reads the manifest at path. The error names the file.
func Load(path string) (*Tree, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	t, err := Decode(data)
	if err != nil {
		return nil, &fs.PathError{Op: "read manifest", Path: path, Err: err}
	}
	return t, nil
}
