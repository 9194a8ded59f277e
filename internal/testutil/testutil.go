// Package testutil holds what tests of several packages share: trees described
// as data, their listing as text, and the repository's own folders.
package testutil

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Tree describes files by their path: a value "-> text" is a symlink, a path
// that ends in "/" a folder, anything else a file's content. A prefix "0755:"
// (four octal digits and a colon) sets the mode.
type Tree map[string]string

// Create makes the tree below dir, parents included.
func (tr Tree) Create(t testing.TB, dir string) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(tr)) {
		if err := create(filepath.Join(dir, name), name, tr[name]); err != nil {
			t.Fatal(err)
		}
	}
}

func create(path, name, value string) error {
	perm, body := mode(value)
	if strings.HasSuffix(name, "/") {
		return makeDir(path, perm)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if target, ok := strings.CutPrefix(body, "-> "); ok {
		return os.Symlink(target, path)
	}
	if err := os.WriteFile(path, []byte(body), 0o644); err != nil || perm == 0 {
		return err
	}
	return os.Chmod(path, perm)
}

func makeDir(path string, perm fs.FileMode) error {
	if err := os.MkdirAll(path, 0o755); err != nil || perm == 0 {
		return err
	}
	return os.Chmod(path, perm)
}

func mode(value string) (fs.FileMode, string) {
	head, body, ok := strings.Cut(value, ":")
	var bits uint32
	if !ok || len(head) != 4 {
		return 0, value
	}
	if _, err := fmt.Sscanf(head, "%o", &bits); err != nil {
		return 0, value
	}
	perm := fs.FileMode(bits & 0o777)
	if bits&0o4000 != 0 {
		perm |= fs.ModeSetuid
	}
	if bits&0o2000 != 0 {
		perm |= fs.ModeSetgid
	}
	if bits&0o1000 != 0 {
		perm |= fs.ModeSticky
	}
	return perm, body
}

// List describes everything below dir, one sorted line a path: mode, name, and
// content or link text. Two equal trees give equal lists.
func List(t testing.TB, dir string) []string {
	t.Helper()
	var lines []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		line, err := describe(path, d)
		rel, _ := filepath.Rel(dir, path)
		lines = append(lines, rel+" "+line)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(lines)
	return lines
}

func describe(path string, d fs.DirEntry) (string, error) {
	info, err := d.Info()
	if err != nil {
		return "", err
	}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		text, err := os.Readlink(path)
		return "-> " + text, err
	case info.Mode().IsRegular():
		body, err := os.ReadFile(path)
		return info.Mode().String() + " " + quote(body), err
	}
	return info.Mode().String(), nil
}

// quote shows a content. A long one is its hash: to quote hundreds of kilobytes took
// half of the time of some tests.
func quote(body []byte) string {
	if len(body) > 4096 {
		return fmt.Sprintf("%d bytes, %x", len(body), sha256.Sum256(body))
	}
	return strconv.Quote(string(body))
}

// Repo is the top folder of this repository.
func Repo(t testing.TB) string {
	t.Helper()
	_, file, _, ok := runtime.Caller(0)
	if !ok || !filepath.IsAbs(file) {
		// Built with -trimpath: tests run in their own folder, go up to go.mod.
		return above(t)
	}
	return filepath.Dir(filepath.Dir(filepath.Dir(file)))
}

func above(t testing.TB) string {
	dir, err := os.Getwd()
	for err == nil && dir != "/" {
		if _, missing := os.Stat(filepath.Join(dir, "go.mod")); missing == nil {
			return dir
		}
		dir = filepath.Dir(dir)
	}
	t.Fatalf("no go.mod above the test's folder: %v", err)
	return ""
}

// Shared is the folder of real packages beside the checkout, or "" when this
// machine has none; a test that needs one says that it was left out.
func Shared(t testing.TB) string {
	dir := filepath.Join(Repo(t), "..", "shared", "data")
	if _, err := os.Stat(dir); err != nil {
		return ""
	}
	return dir
}

// Read is a file's content.
func Read(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
