package tree_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"moss/internal/testutil"
	"moss/store/stone"
	"moss/store/tree"
)

func anyTree(t *rapid.T) *tree.Tree {
	paths := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-c]{1,3}(/[a-c\x80-\xff]{1,9}){0,4}`), 0, 30, rapid.ID).Draw(t, "paths")
	p := tree.Package{ID: "p", Name: "p"}
	for _, path := range paths {
		e := tree.Entry{Layout: stone.Layout{Path: path, UID: rapid.Uint32().Draw(t, "uid"), GID: rapid.Uint32().Draw(t, "gid")}}
		switch rapid.IntRange(0, 2).Draw(t, "kind") {
		case 0:
			e.Mode, e.Size = unix.S_IFREG|uint32(rapid.IntRange(0, 0o7777).Draw(t, "mode")), rapid.Int64Min(0).Draw(t, "size")
			e.Hash = stone.HashOf([]byte(path))
		case 1:
			e.Mode, e.Target = unix.S_IFLNK|0o777, rapid.String().Draw(t, "target")
		case 2:
			e.Mode = unix.S_IFDIR | 0o755
			e.Xattrs = []stone.Xattr{{Name: "user.x", Value: rapid.SliceOfN(rapid.Byte(), 1, 20).Draw(t, "xattr")}}
		}
		p.Entries = append(p.Entries, e)
	}
	return tree.Own(p)
}

func TestManifestRoundTrip(t *testing.T) {
	rapid.Check(testutil.Seeded(t), func(t *rapid.T) {
		want := anyTree(t)
		got, err := tree.Decode(want.Encode())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" && len(want.Entries) > 0 {
			t.Error(diff)
		}
	})
}

func TestDamagedManifestIsRefused(t *testing.T) {
	whole, err := tree.Build(packages([]tree.Entry{file("bin/x", "1"), link("bin/y", "x"), folder("empty", 0o700)}))
	if err != nil {
		t.Fatal(err)
	}
	data := whole.Encode()
	for i := range data {
		cut := data[:i]
		flipped := append([]byte(nil), data...)
		flipped[i] ^= 0x10
		for _, bad := range [][]byte{cut, flipped} {
			if _, err := tree.Decode(bad); !errors.Is(err, tree.ErrManifest) {
				t.Fatalf("byte %d of %d: got %v, want %v", i, len(data), err, tree.ErrManifest)
			}
		}
	}
}

func TestSaveAndLoad(t *testing.T) {
	want, err := tree.Build(packages([]tree.Entry{file("bin/x", "1")}))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "1")
	if err := want.Save(path); err != nil {
		t.Fatal(err)
	}
	got, err := tree.Load(path)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

// FuzzDecode gives the decoder bodies whose checksum holds: only then is
// anything of the body looked at.
func FuzzDecode(f *testing.F) {
	seed, err := tree.Build(packages([]tree.Entry{file("bin/x", "1"), link("bin/y", "x"), folder("empty", 0o700)}))
	if err != nil {
		f.Fatal(err)
	}
	data := seed.Encode()
	f.Add(data[:len(data)-8])
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := tree.Decode(tree.Seal(body))
		if err != nil {
			return
		}
		again, err := tree.Decode(got.Encode())
		if err != nil {
			t.Fatalf("what was decoded does not decode again: %v", err)
		}
		if diff := cmp.Diff(got, again); diff != "" {
			t.Error(diff)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	var entries []tree.Entry
	for i := range 231_000 {
		entries = append(entries, file(fmt.Sprintf("share/doc/package-%d/file-%d", i%4000, i), fmt.Sprint(i)))
	}
	whole, err := tree.Build(packages(entries))
	if err != nil {
		b.Fatal(err)
	}
	data := whole.Encode()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := tree.Decode(data); err != nil {
			b.Fatal(err)
		}
	}
}
