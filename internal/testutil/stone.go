package testutil

import (
	"bytes"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"moss/store/stone"
)

// Stone describes a package for a test.
type Stone struct {
	Name, Version string // version "1" if empty
	Release       uint64 // 1 if 0
	Depends       []string
	Provides      []string
	Conflicts     []string
	Files         Tree           // as for Tree.Create; paths relative to usr
	Layouts       []stone.Layout // more layouts, as they are
}

// Write makes the stone file in dir and returns its path.
func (s Stone) Write(t testing.TB, dir string) string {
	t.Helper()
	if s.Version == "" {
		s.Version = "1"
	}
	meta := stone.Meta{Name: s.Name, Version: s.Version, Release: max(s.Release, 1), BuildRelease: 1, Arch: "x86_64", Summary: "a test's " + s.Name,
		Depends: providers(t, s.Depends), Provides: providers(t, s.Provides), Conflicts: providers(t, s.Conflicts)}
	layouts, sources := slices.Clone(s.Layouts), map[stone.Hash]stone.Source{}
	for _, name := range slices.Sorted(maps.Keys(s.Files)) {
		layouts = append(layouts, layout(name, s.Files[name], sources))
	}
	path := filepath.Join(dir, meta.FileName())
	if err := stone.Write(path, meta, layouts, slices.Collect(maps.Values(sources)), stone.WriteOptions{Level: 1}); err != nil {
		t.Fatal(err)
	}
	return path
}

func providers(t testing.TB, texts []string) []stone.Provider {
	var all []stone.Provider
	for _, text := range texts {
		p, err := stone.ParseProvider(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

func layout(name, value string, sources map[stone.Hash]stone.Source) stone.Layout {
	perm, body := mode(value)
	bits := uint32(perm.Perm())
	if bits == 0 {
		bits = 0o644
	}
	if strings.HasPrefix(value, "4755:") {
		bits |= unix.S_ISUID
	}
	l := stone.Layout{Path: strings.TrimSuffix(name, "/")}
	target, link := strings.CutPrefix(body, "-> ")
	switch {
	case strings.HasSuffix(name, "/"):
		l.Mode = unix.S_IFDIR | bits
	case link:
		l.Mode, l.Target = unix.S_IFLNK|0o777, target
	default:
		l.Mode, l.Hash = unix.S_IFREG|bits, stone.HashOf([]byte(body))
		if body != "" {
			sources[l.Hash] = Source([]byte(body))
		}
	}
	return l
}

// Source is a content for stone.Write that is in memory.
func Source(body []byte) stone.Source {
	return stone.Source{Hash: stone.HashOf(body), Size: int64(len(body)),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }}
}
