package stone

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWriteRefuses(t *testing.T) {
	abc, def := source([]byte("abc")), source([]byte("def"))
	file := Layout{Path: "a", Mode: 0o100644, Hash: abc.Hash}
	resized := func(size int64) Source { s := abc; s.Size = size; return s }
	swapped := Source{abc.Hash, 3, def.Open}
	broken := Source{abc.Hash, 3, func() (io.ReadCloser, error) { return nil, os.ErrPermission }}
	xattr := func(names ...string) []Layout {
		l := file
		for _, name := range names {
			l.Xattrs = append(l.Xattrs, Xattr{Name: name})
		}
		return []Layout{l}
	}
	for want, c := range map[string]struct {
		meta    Meta
		layouts []Layout
		sources []Source
	}{
		"bytes have hash":           {layouts: []Layout{file}, sources: []Source{swapped}},
		"3 bytes, want 4":           {layouts: []Layout{file}, sources: []Source{resized(4)}},
		"more than the 2 bytes":     {layouts: []Layout{file}, sources: []Source{resized(2)}},
		"permission denied":         {layouts: []Layout{file}, sources: []Source{broken}},
		"0 bytes cannot have":       {layouts: []Layout{file}, sources: []Source{resized(0)}},
		"size -1":                   {layouts: []Layout{file}, sources: []Source{resized(-1)}},
		"3 bytes and 4 bytes":       {layouts: []Layout{file}, sources: []Source{abc, resized(4)}},
		"no source has content":     {layouts: []Layout{file}, sources: []Source{def}},
		"appears twice":             {layouts: []Layout{file, file}, sources: []Source{abc}},
		"mode 0644 has no":          {layouts: []Layout{{Path: "a", Mode: 0o644}}},
		"with symlink text":         {layouts: []Layout{{Path: "a", Mode: 0o040755, Target: "b"}}},
		"longer than":               {layouts: []Layout{{Path: strings.Repeat("a", 1<<16), Mode: 0o040755}}},
		"layout \"a\\x00b\": holds": {layouts: []Layout{{Path: "a\x00b", Mode: 0o040755}}},
		"layout \"c\": holds":       {layouts: []Layout{{Path: "c", Mode: 0o120777, Target: "a\x00"}}},
		"xattr name \"u/a\"":        {layouts: xattr("u/a"), sources: []Source{abc}},
		"xattr name \"u\"":          {layouts: xattr("u", "u"), sources: []Source{abc}},
		"meta name: \"a\\x00\"":     {meta: Meta{Name: "a\x00"}},
		"unknown dependency kind 9": {meta: Meta{Depends: []Provider{{9, "x"}}}},
		"meta payload of":           {meta: Meta{Summary: strings.Repeat("x", MaxMetaPayload)}},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "x.stone")
		if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
		err := Write(path, c.meta, c.layouts, c.sources, WriteOptions{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
		names, _ := os.ReadDir(dir)
		if b, err := os.ReadFile(path); string(b) != "old" || len(names) != 1 {
			t.Errorf("%s: the folder holds %v, the file %q (%v); want only the old file", want, names, b, err)
		}
	}
}

func TestWriteReplaces(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.stone")
	for _, name := range []string{"first", "second"} {
		if err := Write(path, Meta{Name: name}, nil, nil, WriteOptions{Level: 1}); err != nil {
			t.Fatal(err)
		}
		if got := open(t, path).Package().Meta().Name; got != name {
			t.Errorf("name %q, want %q", got, name)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("mode %v, %v, want 0644", info.Mode(), err)
	}
	missing := filepath.Join(t.TempDir(), "missing", "x.stone")
	if err := Write(missing, Meta{}, nil, nil, WriteOptions{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v, want %v", err, os.ErrNotExist)
	}
	if err := Write(path, Meta{}, nil, nil, WriteOptions{Level: 23}); err == nil {
		t.Error("level 23 was accepted")
	}
}

// Contents are stored once each, the largest first.
func TestWriteOrder(t *testing.T) {
	m, layouts, sources := sample()
	index := open(t, write(t, m, layouts, sources)).Package().Index
	want := []IndexEntry{
		{0, 9000, sources[1].Hash},
		{9000, 9014, sources[0].Hash},
		{0, 0, EmptyHash()},
	}
	if len(index) != len(want) {
		t.Fatalf("%d records, want %d", len(index), len(want))
	}
	for i := range want {
		if index[i] != want[i] {
			t.Errorf("record %d: %v, want %v", i, index[i], want[i])
		}
	}
}
