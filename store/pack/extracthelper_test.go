package pack_test

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"moss/store/stone"
)

// file is a layout of a regular file with its content.
func file(path, body string, mode uint32) (stone.Layout, string) {
	return stone.Layout{Path: path, Mode: unix.S_IFREG | mode, Hash: stone.HashOf([]byte(body))}, body
}

func symlink(path, target string) stone.Layout {
	return stone.Layout{Path: path, Mode: unix.S_IFLNK | 0o777, Target: target}
}

func folder(path string, mode uint32) stone.Layout {
	return stone.Layout{Path: path, Mode: unix.S_IFDIR | mode}
}

// sample collects layouts and the contents they need.
type sample struct {
	layouts []stone.Layout
	sources []stone.Source
}

func (s *sample) file(path, body string, mode uint32) *sample {
	l, _ := file(path, body, mode)
	return s.add(l, body)
}

func (s *sample) add(l stone.Layout, body string) *sample {
	s.layouts = append(s.layouts, l)
	for _, known := range s.sources {
		if known.Hash == l.Hash || body == "" {
			return s
		}
	}
	if body != "" {
		s.sources = append(s.sources, stone.Source{Hash: l.Hash, Size: int64(len(body)),
			Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader([]byte(body))), nil }})
	}
	return s
}

// write makes a stone, however hostile its layouts are.
func (s *sample) write(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name+".stone")
	if err := stone.Write(path, stone.Meta{Name: name, Version: "1", Arch: "x86_64"}, s.layouts, s.sources, stone.WriteOptions{Level: 1}); err != nil {
		t.Fatal(err)
	}
	return path
}

// show lists a folder one line a path: mode, owner, path, content or link text.
func show(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		fmt.Fprintf(&b, "%06o %d:%d %s", st.Mode, st.Uid, st.Gid, rel)
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFREG:
			body, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, " %q", body)
		case unix.S_IFLNK:
			text, err := os.Readlink(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, " -> %s", text)
		}
		b.WriteByte('\n')
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
