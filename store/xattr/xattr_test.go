package xattr_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"moss/store/stone"
	"moss/store/xattr"
)

func TestKeptAttributesSorted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"user.b": "2", "user.a": "", "user.left": "x", "user.c": strings.Repeat("y", 3000)} {
		if err := unix.Setxattr(path, name, []byte(value), 0); err != nil {
			t.Skipf("this file system takes no attributes: %v", err)
		}
	}
	keep := func(name string) bool { return strings.HasPrefix(name, "user.") && name != "user.left" }
	want := []stone.Xattr{{Name: "user.a"}, {Name: "user.b", Value: []byte("2")}, {Name: "user.c", Value: []byte(strings.Repeat("y", 3000))}}
	got, err := xattr.OfPath(path, keep)
	if err != nil || cmp.Diff(want, got) != "" {
		t.Errorf("by path: %v\n%s", err, cmp.Diff(want, got))
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got, err = xattr.OfFile(f, keep); err != nil || cmp.Diff(want, got) != "" {
		t.Errorf("by file: %v\n%s", err, cmp.Diff(want, got))
	}
}

func TestSymlinkIsNotFollowed(t *testing.T) {
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink("/nowhere", link); err != nil {
		t.Fatal(err)
	}
	if got, err := xattr.OfPath(link, func(string) bool { return true }); err != nil || len(got) > 0 {
		t.Errorf("got %v, %v, want none", got, err)
	}
	if _, err := xattr.OfPath(link+"-absent", func(string) bool { return true }); err == nil {
		t.Error("got no error for a path that is not there")
	}
}
