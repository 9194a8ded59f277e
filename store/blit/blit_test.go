package blit_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"moss/internal/testutil"
	"moss/store/asset"
	"moss/store/blit"
	"moss/store/stone"
	"moss/store/tree"
)

// stored unpacks one package into a new asset store and returns the store with
// the package's tree.
func stored(t testing.TB, dir string, s testutil.Stone) (*asset.Store, *tree.Tree) {
	t.Helper()
	assets, err := asset.Open(filepath.Join(dir, "assets"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := stone.Open(s.Write(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	batch, err := assets.Unpack(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := batch.Publish(); err != nil {
		t.Fatal(err)
	}
	p := tree.Package{ID: "p", Name: "p"}
	for _, l := range r.Package().Layouts {
		p.Entries = append(p.Entries, tree.Entry{Layout: l})
	}
	planned, err := tree.Build([]tree.Package{p})
	if err != nil {
		t.Fatal(err)
	}
	return assets, planned
}

func target(t testing.TB, dir string) string {
	t.Helper()
	usr := filepath.Join(dir, "usr")
	if err := os.Mkdir(usr, 0o755); err != nil {
		t.Fatal(err)
	}
	return usr
}

func links(t testing.TB, path string) uint64 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	return uint64(st.Nlink)
}

func TestFilesAreLinksAndEmptyOnesAreNot(t *testing.T) {
	dir := t.TempDir()
	assets, planned := stored(t, dir, testutil.Stone{Name: "p", Files: testutil.Tree{"a": "content", "b/c": "content", "zero": "", "nil": ""}})
	usr := target(t, dir)
	if err := blit.Tree(t.Context(), planned, assets, usr, nil); err != nil {
		t.Fatal(err)
	}
	if n := links(t, filepath.Join(usr, "a")); n != 3 {
		t.Errorf("a has %d links, want 3: the asset and two names", n)
	}
	if n := links(t, filepath.Join(usr, "zero")); n != 1 {
		t.Errorf("zero has %d links, want 1", n)
	}
}

// TestMoreNamesThanLinks: ext4 allows 65,000 links to a file. The names beyond
// that must be files of their own, not an error.
func TestMoreNamesThanLinks(t *testing.T) {
	dir := t.TempDir()
	assets, planned := stored(t, dir, testutil.Stone{Name: "p", Files: testutil.Tree{"a": "content"}})
	one := planned.Entries[0]
	planned.Entries = nil
	for i := range 65_100 {
		one.Path = fmt.Sprintf("%05d", i)
		planned.Entries = append(planned.Entries, one)
	}
	usr := target(t, dir)
	if err := blit.Tree(t.Context(), planned, assets, usr, nil); err != nil {
		t.Fatal(err)
	}
	names, err := os.ReadDir(usr)
	if err != nil || len(names) != 65_100 {
		t.Errorf("got %d names, %v, want 65,100", len(names), err)
	}
	if body, err := os.ReadFile(filepath.Join(usr, "65099")); string(body) != "content" {
		t.Errorf("the last name holds %q, %v", body, err)
	}
}

func TestMissingAssetIsAnErrorThatNamesThePath(t *testing.T) {
	dir := t.TempDir()
	assets, planned := stored(t, dir, testutil.Stone{Name: "p", Files: testutil.Tree{"bin/tool": "content"}})
	for _, e := range planned.Entries {
		if e.IsRegular() {
			if err := os.Remove(assets.Path(e.Layout)); err != nil {
				t.Fatal(err)
			}
		}
	}
	err := blit.Tree(t.Context(), planned, assets, target(t, dir), nil)
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want ErrNotExist", err)
	}
}

func TestCancelledBlitStops(t *testing.T) {
	dir := t.TempDir()
	assets, planned := stored(t, dir, testutil.Stone{Name: "p", Files: testutil.Tree{"a/b": "content"}})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := blit.Tree(ctx, planned, assets, target(t, dir), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}
