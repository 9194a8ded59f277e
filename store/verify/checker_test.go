package verify

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"moss/internal/testutil"
	"moss/store/asset"
	"moss/store/stone"
	"moss/store/tree"
)

// sampleTree makes files at usr and the manifest that describes them.
func sampleTree(t testing.TB, usr string, files testutil.Tree) *tree.Tree {
	t.Helper()
	files.Create(t, usr)
	testutil.Tree{".stateID": "1"}.Create(t, usr)
	if err := os.Chmod(usr, 0o755); err != nil {
		t.Fatal(err)
	}
	p := tree.Package{ID: "p", Name: "p"}
	for name, body := range files {
		p.Entries = append(p.Entries, tree.Entry{Size: int64(len(body)),
			Layout: stone.Layout{Path: name, Mode: unix.S_IFREG | 0o644, Hash: stone.HashOf([]byte(body))}})
	}
	built, err := tree.Build([]tree.Package{p})
	if err != nil {
		t.Fatal(err)
	}
	return built
}

func check(t testing.TB, c *Checker, usr string, m *tree.Tree) []string {
	t.Helper()
	found, err := c.Tree(t.Context(), usr, 1, m)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, f := range found {
		lines = append(lines, f.String())
	}
	return lines
}

// counting is a Checker that fails to read what fail names and counts the rest.
func counting(n *atomic.Int32, fail map[string]error) *Checker {
	return &Checker{open: func(path string) (io.ReadCloser, error) {
		n.Add(1)
		f, err := openFile(path)
		if err == nil && fail[filepath.Base(path)] != nil {
			return broken{f, fail[filepath.Base(path)]}, nil
		}
		return f, err
	}}
}

type broken struct {
	io.Closer
	err error
}

func (b broken) Read([]byte) (int, error) { return 0, b.err }

// TestReadErrorIsAFinding: a disk that fails in one place is no reason to leave
// the rest unread.
func TestReadErrorIsAFinding(t *testing.T) {
	var n atomic.Int32
	usr := t.TempDir()
	m := sampleTree(t, usr, testutil.Tree{"a/bad": "1", "a/good": "2", "b/also": "3"})
	if err := os.WriteFile(filepath.Join(usr, "b/also"), []byte("X"), 0o644); err != nil {
		t.Fatal(err)
	}
	eio := &fs.PathError{Op: "read", Path: "x", Err: unix.EIO}
	got := check(t, counting(&n, map[string]error{"bad": eio}), usr, m)
	if len(got) != 2 || got[0] != "state 1: /usr/a/bad: unreadable: got input/output error" || !strings.HasPrefix(got[1], "state 1: /usr/b/also: content: want ") {
		t.Errorf("got %q", got)
	}
}

// TestRefusedReadEndsTheVerification: whoever may not read cannot say that all is well.
func TestRefusedReadEndsTheVerification(t *testing.T) {
	usr := t.TempDir()
	m := sampleTree(t, usr, testutil.Tree{"a": "1"})
	c := &Checker{open: func(path string) (io.ReadCloser, error) {
		return nil, &fs.PathError{Op: "open", Path: path, Err: unix.EACCES}
	}}
	var refused *AccessError
	if _, err := c.Tree(t.Context(), usr, 1, m); !errors.As(err, &refused) || refused.Hint() != "run it as root" {
		t.Errorf("got %v, want an AccessError", err)
	}
}

// TestEachInodeIsReadOnce, however many trees have names of it, and again once it
// was changed.
func TestEachInodeIsReadOnce(t *testing.T) {
	var n atomic.Int32
	dir := t.TempDir()
	c := counting(&n, nil)
	m := sampleTree(t, filepath.Join(dir, "1"), testutil.Tree{"a": "1", "b": "2"})
	sampleTree(t, filepath.Join(dir, "2"), testutil.Tree{"a": "", "b": ""})
	for _, name := range []string{"a", "b"} {
		to := filepath.Join(dir, "2", name)
		if err := errors.Join(os.Remove(to), os.Link(filepath.Join(dir, "1", name), to)); err != nil {
			t.Fatal(err)
		}
	}
	for _, usr := range []string{"1", "2", "1", "2"} {
		if got := check(t, c, filepath.Join(dir, usr), m); len(got) != 0 {
			t.Errorf("%s: got %q, want nothing", usr, got)
		}
	}
	if n.Load() != 2 {
		t.Errorf("two files were read %d times", n.Load())
	}
	if err := os.WriteFile(filepath.Join(dir, "1/a"), []byte("X"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, usr := range []string{"1", "2"} {
		if got := check(t, c, filepath.Join(dir, usr), m); len(got) != 1 {
			t.Errorf("%s: got %q, want the change", usr, got)
		}
	}
}

// TestXattrsInAnyOrder: a listing has them in an order of its own.
func TestXattrsInAnyOrder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"user.b", "user.a", "trusted.x"} {
		if err := unix.Setxattr(file, name, []byte(name), 0); err != nil {
			t.Fatal(err)
		}
	}
	x := func(names ...string) (all []stone.Xattr) {
		for _, name := range names {
			all = append(all, stone.Xattr{Name: name, Value: []byte(name)})
		}
		return all
	}
	if want, got := compareXattrs(x("trusted.x", "user.a", "user.b"), file); want != got {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, wrong := range [][]stone.Xattr{nil, x("user.a", "user.b"), x("user.a", "user.b", "trusted.x", "user.c")} {
		if want, got := compareXattrs(wrong, file); want == got {
			t.Errorf("%v is taken for %q", wrong, got)
		}
	}
	if !isLabel("security.selinux") || isLabel("security.capability") {
		t.Error("labels are the kernel's own, capabilities are the package's")
	}
}

func TestParseAsset(t *testing.T) {
	l := stone.Layout{Mode: unix.S_IFREG | 0o4755, UID: 7, GID: 8, Hash: stone.HashOf([]byte("x"))}
	e, plain := parseAsset(asset.Name(l))
	if e == nil || !plain || e.Mode != l.Mode || e.UID != 7 || e.GID != 8 || e.Hash != l.Hash {
		t.Errorf("got %+v, %v", e, plain)
	}
	l.Xattrs = []stone.Xattr{{Name: "user.x"}}
	if e, plain := parseAsset(asset.Name(l)); e == nil || plain {
		t.Errorf("with xattrs: got %+v, %v", e, plain)
	}
	hash := l.Hash.String()
	for _, name := range []string{"00/x", "00/" + hash, "00/" + hash + ".644.0.0", hash[:2] + "/" + hash + ".0644.0.0", hash[:2] + "/" + hash + ".999.0.0",
		hash[:2] + "/" + hash + ".644.0.-1", hash[:2] + "/" + hash + ".644.0.0.1.2", hash[:2] + "/" + strings.ToUpper(hash) + ".644.0.0"} {
		if e, _ := parseAsset(name); e != nil {
			t.Errorf("%s is taken for an asset: %+v", name, e)
		}
	}
}

func FuzzParseAsset(f *testing.F) {
	f.Add("00/" + stone.EmptyHash().String() + ".644.0.0")
	f.Fuzz(func(t *testing.T, name string) {
		if e, plain := parseAsset(name); e != nil && plain && asset.Name(e.Layout) != name {
			t.Errorf("%q is taken for %q", name, asset.Name(e.Layout))
		}
	})
}

// TestSymlinkedFolderIsNotFollowed: behind it lies somebody else's system.
func TestSymlinkedFolderIsNotFollowed(t *testing.T) {
	usr := filepath.Join(t.TempDir(), "usr")
	m := sampleTree(t, usr, testutil.Tree{"a/b/c": "1"})
	if err := errors.Join(os.Rename(filepath.Join(usr, "a"), usr+"-a"), os.Symlink(usr+"-a", filepath.Join(usr, "a"))); err != nil {
		t.Fatal(err)
	}
	want := []string{"state 1: /usr/a: kind: want folder: got symlink", "state 1: /usr/a/b: missing", "state 1: /usr/a/b/c: missing"}
	if got := check(t, &Checker{}, usr, m); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFindingForAPerson(t *testing.T) {
	f := Finding{State: 3, Path: "/usr/a\x1b[2J", What: Mode, Want: "0755", Got: "0700"}
	if got, want := f.String(), fmt.Sprintf("state 3: %q: mode: want 0755: got 0700", "/usr/a\x1b[2J"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestFreshTakesNoWrongSource: what was intact when it was looked at may not be now.
func TestFreshTakesNoWrongSource(t *testing.T) {
	dir := t.TempDir()
	testutil.Tree{"wrong": "WRONG", "right": "right", "scratch/": "", "folder/": ""}.Create(t, dir)
	m := &Mender{Assets: asset.View(dir), Scratch: filepath.Join(dir, "scratch")}
	e := &tree.Entry{Layout: stone.Layout{Mode: unix.S_IFREG | 0o640, Hash: stone.HashOf([]byte("right"))}, Size: 5}
	bad := []string{filepath.Join(dir, "absent"), filepath.Join(dir, "folder"), filepath.Join(dir, "wrong")}
	if temp, ok, err := m.Fresh(e, bad); ok || err != nil {
		t.Errorf("got %s, %v, %v, want no source", temp, ok, err)
	}
	temp, ok, err := m.Fresh(e, append(bad, filepath.Join(dir, "right")))
	if err != nil || !ok {
		t.Fatalf("got %v, %v", ok, err)
	}
	if body, _ := os.ReadFile(temp); string(body) != "right" {
		t.Errorf("got %q", body)
	}
	if left, _ := os.ReadDir(m.Scratch); len(left) != 1 {
		t.Errorf("got %v, want one file", left)
	}
}
