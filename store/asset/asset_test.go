package asset_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"moss/internal/testutil"
	"moss/store/asset"
	"moss/store/stone"
)

func open(t *testing.T, dir string) *asset.Store {
	t.Helper()
	s, err := asset.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func unpack(t *testing.T, s *asset.Store, p testutil.Stone) *asset.Batch {
	t.Helper()
	r, err := stone.Open(p.Write(t, t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	batch, err := s.Unpack(r)
	if err != nil {
		t.Fatal(err)
	}
	return batch
}

func count(t *testing.T, dir string) int {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "??/*"))
	if err != nil {
		t.Fatal(err)
	}
	return len(found)
}

func TestNothingIsVisibleBeforePublish(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	batch := unpack(t, s, testutil.Stone{Name: "p", Files: testutil.Tree{"a": "1", "b": "2", "c": "2", "d": ""}})
	if n := count(t, dir); n != 0 {
		t.Errorf("%d assets are visible before they are durable", n)
	}
	if batch.Files != 2 || batch.Bytes != 2 {
		t.Errorf("got %d files, %d bytes, want 2 of 2: equal contents once, empty ones never", batch.Files, batch.Bytes)
	}
	if err := batch.Publish(); err != nil {
		t.Fatal(err)
	}
	if n := count(t, dir); n != 2 {
		t.Errorf("got %d assets, want 2", n)
	}
}

func TestSecondUnpackWritesNothing(t *testing.T) {
	s := open(t, t.TempDir())
	p := testutil.Stone{Name: "p", Files: testutil.Tree{"a": "1", "b": "4755:1"}}
	first := unpack(t, s, p)
	if err := first.Publish(); err != nil {
		t.Fatal(err)
	}
	if second := unpack(t, s, p); first.Files != 2 || second.Files != 0 {
		t.Errorf("got %d then %d files, want 2 then 0", first.Files, second.Files)
	}
}

func TestOpenDropsUnpublished(t *testing.T) {
	dir := t.TempDir()
	unpack(t, open(t, dir), testutil.Stone{Name: "p", Files: testutil.Tree{"a": "1"}})
	open(t, dir)
	if _, err := os.Stat(filepath.Join(dir, "stage")); !os.IsNotExist(err) {
		t.Errorf("got %v, want the stage gone", err)
	}
}

// TestNameHoldsAllThatALinkShares: whatever two names of one inode must agree
// on has to tell assets apart.
func TestNameHoldsAllThatALinkShares(t *testing.T) {
	base := stone.Layout{Mode: unix.S_IFREG | 0o644, Hash: stone.HashOf([]byte("x"))}
	setuid, owner, group, labelled := base, base, base, base
	setuid.Mode |= unix.S_ISUID
	owner.UID = 1
	group.GID = 1
	labelled.Xattrs = []stone.Xattr{{Name: "user.x", Value: []byte("1")}}
	seen := map[string]bool{}
	for _, l := range []stone.Layout{base, setuid, owner, group, labelled} {
		name := asset.Name(l)
		if seen[name] {
			t.Errorf("%s names two different assets", name)
		}
		seen[name] = true
		if !strings.Contains(name, l.Hash.String()) {
			t.Errorf("%s does not hold the hash", name)
		}
	}
}
