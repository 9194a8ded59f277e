package pack

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moss/internal/testutil"
	"moss/internal/testutil/need"
	"moss/store/deb/debtest"
	"moss/store/stone"
)

// open reads a stone that must be whole.
func open(t *testing.T, file string) *stone.Reader {
	t.Helper()
	r, err := stone.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	if err := r.Check(); err != nil {
		t.Fatal(err)
	}
	return r
}

// list shows a stone one line a path: mode, owner, path, content or link text,
// names of extended attributes.
func list(t *testing.T, file string) string {
	t.Helper()
	r := open(t, file)
	bodies := map[stone.Hash]string{}
	err := r.Contents(t.TempDir(), func(e stone.IndexEntry, body io.Reader) error {
		b, err := io.ReadAll(body)
		bodies[e.Hash] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, l := range r.Package().Layouts {
		fmt.Fprintf(&b, "%06o %d:%d %s", l.Mode, l.UID, l.GID, l.Path)
		if l.IsRegular() {
			fmt.Fprintf(&b, " %q", bodies[l.Hash])
		}
		if l.IsSymlink() {
			fmt.Fprintf(&b, " -> %s", l.Target)
		}
		for _, x := range l.Xattrs {
			fmt.Fprintf(&b, " %s=%x", x.Name, x.Value)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// packOne makes a .deb of files and a stone of the .deb.
func packOne(t *testing.T, p debtest.Package) (Result, error) {
	t.Helper()
	if p.Control == "" {
		p.Control = debtest.Stanza("sample", "1.0-1")
	}
	p.Name = "sample"
	scratch := t.TempDir()
	r, err := Deb(t.Context(), p.Write(t, t.TempDir()), t.TempDir(), Options{Scratch: scratch, Level: 1})
	if left, _ := os.ReadDir(scratch); len(left) != 0 {
		t.Errorf("scratch folder still holds %v", left)
	}
	return r, err
}

// realDebs are the packages of these names that this machine has been given for
// tests, or left over from the demo.
func realDebs(t testing.TB, names ...string) []string {
	t.Helper()
	dir := os.Getenv("MOSS_TEST_DEBS")
	if dir == "" {
		dir = filepath.Join(testutil.Repo(t), "build", "debian")
	}
	var found []string
	_ = filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error { // no folder, no packages
		name, _, _ := strings.Cut(filepath.Base(path), "_")
		if err == nil && strings.HasSuffix(path, ".deb") && slices.ContainsFunc(names, func(pattern string) bool {
			ok, _ := filepath.Match(pattern, name)
			return ok
		}) {
			found = append(found, path)
		}
		return nil
	})
	if len(found) == 0 {
		need.Machine(t, "no real package %v below %s (MOSS_TEST_DEBS names another folder)", names, dir)
	}
	return found
}
