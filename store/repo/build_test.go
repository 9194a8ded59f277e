package repo_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aead.dev/minisign"

	"moss/internal/testutil"
	"moss/store/repo"
	"moss/store/stone"
)

// bake writes a package file of the given release under any name.
func bake(t testing.TB, path, name string, release uint64) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	body := []byte(name + " content")
	layouts := []stone.Layout{{Path: "bin/" + name, Mode: 0o100755, Hash: stone.HashOf(body)}}
	m := stone.Meta{Name: name, Version: "1", Release: release, BuildRelease: 1, Arch: "x86_64"}
	if err := stone.Write(path, m, layouts, []stone.Source{testutil.Source(body)}, stone.WriteOptions{Level: 1}); err != nil {
		t.Fatal(err)
	}
}

func build(t testing.TB, dir, base string) []stone.Meta {
	t.Helper()
	metas, err := repo.BuildIndex(t.Context(), dir, base)
	if err != nil {
		t.Fatal(err)
	}
	return metas
}

func TestBuildIndexKeepsTheNewestOfEachName(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	bake(t, filepath.Join(dir, "old/nano.stone"), "nano", 1)
	bake(t, filepath.Join(dir, "new/nano #2 50%.stone"), "nano", 2)
	bake(t, filepath.Join(dir, "a:b.stone"), "apt", 1)
	write(t, dir, "notes.txt", "not a package")
	if err := os.Symlink(filepath.Join(dir, "old/nano.stone"), filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	metas := build(t, dir, dir)
	if len(metas) != 2 || metas[0].Name != "apt" || metas[1].Release != 2 {
		t.Fatalf("got %+v", metas)
	}
	if metas[0].URI != "./a:b.stone" || metas[1].URI != "new/nano%20%232%2050%25.stone" {
		t.Errorf("got addresses %q and %q", metas[0].URI, metas[1].URI)
	}
	// Somewhere else the addresses lead back, and what they lead to is the file.
	out := filepath.Join(t.TempDir(), "x86_64")
	if err := os.Mkdir(out, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := repo.WriteIndex(out, build(t, dir, out), nil, time.Now()); err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	add(t, root, repo.Repository{Name: "l", URI: out, Unsigned: true, Enabled: true})
	if _, err := repo.Update(t.Context(), root, nil, impatient()); err != nil {
		t.Fatal(err)
	}
	all, err := repo.Available(root)
	if err != nil || len(all) != 2 {
		t.Fatal(all, err)
	}
	if want := "file://" + dir + "/new/nano%20%232%2050%25.stone"; all[1].URL != want {
		t.Errorf("got %s, want %s", all[1].URL, want)
	}
	info, err := os.Stat(filepath.Join(dir, "new/nano #2 50%.stone"))
	if err != nil || all[1].Size != info.Size() {
		t.Errorf("size %d, want that of %v (%v)", all[1].Size, info, err)
	}
}

func TestBuildIndexIsDeterministic(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"c", "a", "d", "b", "e"} {
		bake(t, filepath.Join(dir, "x"+name+".stone"), name, 1)
	}
	if first := encode(t, build(t, dir, dir)...); !bytes.Equal(first, encode(t, build(t, dir, dir)...)) {
		t.Error("two indexes of the same files differ")
	}
}

func TestBuildIndexRefuses(t *testing.T) {
	t.Parallel()
	t.Run("one release twice", func(t *testing.T) {
		dir := t.TempDir()
		bake(t, filepath.Join(dir, "1.stone"), "nano", 1)
		bake(t, filepath.Join(dir, "2/copy.stone"), "nano", 1)
		bake(t, filepath.Join(dir, "3.stone"), "nano", 2)
		_, err := repo.BuildIndex(t.Context(), dir, dir)
		var twice *repo.DuplicateError
		if !errors.As(err, &twice) || filepath.Base(twice.First) != "1.stone" || filepath.Base(twice.Second) != "copy.stone" {
			t.Errorf("got %v, want both files named", err)
		}
	})
	t.Run("damaged content", func(t *testing.T) {
		dir := t.TempDir()
		bake(t, filepath.Join(dir, "1.stone"), "nano", 1)
		text := []byte(read(t, dir, "1.stone"))
		text[len(text)-1] ^= 1
		write(t, dir, "1.stone", string(text))
		if _, err := repo.BuildIndex(t.Context(), dir, dir); err == nil || !strings.Contains(err.Error(), "1.stone") {
			t.Errorf("got %v, want the file named", err)
		}
	})
	t.Run("an index called a package", func(t *testing.T) {
		dir := t.TempDir()
		write(t, dir, "x.stone", string(encode(t, meta("x"))))
		if _, err := repo.BuildIndex(t.Context(), dir, dir); err == nil || !strings.Contains(err.Error(), "is a repository file, not a package") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a name that clients refuse", func(t *testing.T) {
		dir := t.TempDir()
		bake(t, filepath.Join(dir, "x.stone"), "a b", 1)
		if _, err := repo.BuildIndex(t.Context(), dir, dir); err == nil || !strings.Contains(err.Error(), "x.stone: name") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("no folder", func(t *testing.T) {
		if _, err := repo.BuildIndex(t.Context(), "/nonexistent", "/"); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("got %v", err)
		}
	})
}

func signingKey(t testing.TB) *repo.SigningKey {
	t.Helper()
	path := filepath.Join(t.TempDir(), "k")
	if _, err := repo.GenerateKey(path, ""); err != nil {
		t.Fatal(err)
	}
	key, err := repo.LoadSigningKey(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func signedTime(t testing.TB, dir string) time.Time {
	t.Helper()
	sig, err := minisign.SignatureFromFile(filepath.Join(dir, "stone.index.minisig"))
	if err != nil {
		t.Fatal(err)
	}
	at, err := repo.TimestampOf(sig.TrustedComment)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// TestSignedTimeAlwaysGrows: a publisher's clock that jumped back must not make
// an index that every user refuses.
func TestSignedTimeAlwaysGrows(t *testing.T) {
	t.Parallel()
	dir, key := t.TempDir(), signingKey(t)
	now := time.Unix(1800000000, 0)
	for _, step := range []struct{ clock, want int64 }{{0, 0}, {0, 1}, {-3600, 2}, {60, 60}} {
		if err := repo.WriteIndex(dir, nil, key, now.Add(time.Duration(step.clock)*time.Second)); err != nil {
			t.Fatal(err)
		}
		if got := signedTime(t, dir).Unix() - now.Unix(); got != step.want {
			t.Errorf("clock at %d: signed at %d, want %d", step.clock, got, step.want)
		}
	}
	var refused *repo.SignatureError
	if err := repo.WriteIndex(dir, nil, key, now.Add(-48*time.Hour)); !errors.As(err, &refused) {
		t.Errorf("clock two days back: got %v, want a SignatureError", err)
	}
	if err := repo.WriteIndex(dir, nil, nil, now); !errors.As(err, &refused) || !strings.Contains(hint(err), "--sign") {
		t.Errorf("unsigned over signed: got %v", err)
	}
}

func TestMoreThanAFileHolds(t *testing.T) {
	t.Parallel()
	if err := repo.WriteIndex(t.TempDir(), make([]stone.Meta, 65536), nil, time.Now()); err == nil || !strings.Contains(err.Error(), "65535") {
		t.Errorf("got %v", err)
	}
}
