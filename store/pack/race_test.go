package pack

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"moss/store/stone"
	"moss/store/tree"
)

// Something that appears after the folder was looked at is not replaced either.
func TestPutDoesNotReplace(t *testing.T) {
	dir := t.TempDir()
	files := map[string]stone.Layout{
		"file": {Path: "file", Mode: unix.S_IFREG | 0o644, Hash: stone.EmptyHash()},
		"link": {Path: "link", Mode: unix.S_IFLNK | 0o777, Target: "x"},
	}
	to, err := openTarget(dir, &tree.Tree{})
	if err != nil {
		t.Fatal(err)
	}
	defer to.close()
	if err := to.folders(&tree.Tree{}); err != nil {
		t.Fatal(err)
	}
	for name, l := range files {
		mine := filepath.Join(dir, "usr", name)
		if err := os.WriteFile(mine, []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := to.put(l); !errors.Is(err, unix.EEXIST) {
			t.Errorf("%s: got %v, want %v", name, err, unix.EEXIST)
		}
		if body, err := os.ReadFile(mine); err != nil || string(body) != "mine" {
			t.Errorf("%s: got %q and %v, want it as it was", name, body, err)
		}
	}
}
