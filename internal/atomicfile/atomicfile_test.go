package atomicfile_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moss/internal/atomicfile"
)

func TestWriteReplacesWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "loader.conf")
	for _, text := range []string{"a longer first content\n", "short\n"} {
		if err := atomicfile.Write(path, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != text {
			t.Errorf("got %q, %v, want %q", got, err, text)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("got %v, %v, want mode 0640", info.Mode(), err)
	}
	onlyFile(t, path)
}

type brokenReader struct{ text *strings.Reader }

var errBroken = errors.New("disk on fire")

func (b brokenReader) Read(p []byte) (int, error) {
	if n, err := b.text.Read(p); err == nil {
		return n, nil
	}
	return 0, errBroken
}

func TestFailedWriteKeepsOldContentAndLeavesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "entry.conf")
	if err := atomicfile.Write(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := atomicfile.WriteFrom(path, brokenReader{strings.NewReader("half of the new")}, 0o644)
	if !errors.Is(err, errBroken) {
		t.Errorf("got %v, want the reader's error", err)
	}
	if got, _ := os.ReadFile(path); string(got) != "old" {
		t.Errorf("got %q, want the old content", got)
	}
	onlyFile(t, path)
}

func onlyFile(t *testing.T, path string) {
	t.Helper()
	names, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(names) != 1 || names[0].Name() != filepath.Base(path) {
		t.Errorf("folder holds %v, %v, want only %s", names, err, filepath.Base(path))
	}
}

func TestExchangeSwapsFolders(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	for _, d := range []string{a, b} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(a, "mark"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := atomicfile.Exchange(a, b); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(b, "mark")); err != nil {
		t.Errorf("content did not move with its name: %v", err)
	}
	if err := atomicfile.Exchange(a, filepath.Join(dir, "absent")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want ErrNotExist", err)
	}
}
