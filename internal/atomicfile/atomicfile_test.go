package atomicfile_test

import (
	"errors"
	"io"
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

// What reads back wrong never gets the name; what reads back right is the whole
// content.
func TestCheckSeesWhatWasWrittenBeforeItHasTheName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kernel")
	for _, c := range []struct {
		fails error
		want  string
	}{{nil, "new"}, {errBroken, "new"}} {
		seen := ""
		_, err := atomicfile.WriteOn(atomicfile.OS{}, path, strings.NewReader(map[bool]string{true: "new", false: "newer"}[c.fails == nil]), 0o644, func(back io.Reader) error {
			data, err := io.ReadAll(back)
			seen = string(data)
			return errors.Join(err, c.fails)
		})
		if !errors.Is(err, c.fails) || !strings.HasPrefix(seen, "new") {
			t.Errorf("got %v after %q was read back, want %v", err, seen, c.fails)
		}
		if got, _ := os.ReadFile(path); string(got) != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
	onlyFile(t, path)
}

// trace notes the calls and passes them on.
type trace struct {
	atomicfile.OS
	calls *[]string
}

func (d trace) Create(dir, pattern string) (atomicfile.File, error) {
	file, err := d.OS.Create(dir, pattern)
	return traced{file, d.calls}, err
}

type traced struct {
	atomicfile.File
	calls *[]string
}

func (f traced) Sync() error { *f.calls = append(*f.calls, "fsync"); return f.File.Sync() }

func (d trace) Hold(path string) (io.Closer, error) {
	*d.calls = append(*d.calls, "hold")
	file, err := d.OS.Hold(path)
	return released{file, d.calls}, err
}

type released struct {
	io.Closer
	calls *[]string
}

func (r released) Close() error { *r.calls = append(*r.calls, "release"); return r.Closer.Close() }

func (d trace) Rename(from, to string) error {
	*d.calls = append(*d.calls, "rename")
	return d.OS.Rename(from, to)
}

func (d trace) Remove(path string) error {
	*d.calls = append(*d.calls, "remove")
	return d.OS.Remove(path)
}

func (d trace) SyncDir(dir string) error {
	*d.calls = append(*d.calls, "fsync folder")
	return d.OS.SyncDir(dir)
}

func TestOrderOfCalls(t *testing.T) {
	path := filepath.Join(t.TempDir(), "entry.conf")
	if err := atomicfile.Write(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	var calls []string
	disk := trace{calls: &calls}
	if _, err := atomicfile.WriteOn(disk, path, strings.NewReader("new"), 0o644, nil); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(calls, ", "), "fsync, hold, rename, fsync folder, fsync, release"; got != want {
		t.Errorf("writing: got %s, want %s", got, want)
	}
	calls = nil
	if err := atomicfile.RemoveOn(disk, path); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(calls, ", "), "hold, remove, fsync folder, release"; got != want {
		t.Errorf("removing: got %s, want %s", got, want)
	}
}
