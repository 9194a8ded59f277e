package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// TestEveryDifferenceIsALine: what the tests in the guest compare would be worth
// nothing if it overlooked a kind of damage.
func TestEveryDifferenceIsALine(t *testing.T) {
	for name, damage := range map[string]func(dir string) error{
		"content":          func(dir string) error { return os.WriteFile(filepath.Join(dir, "file"), []byte("tex7"), 0o644) },
		"length":           func(dir string) error { return os.Truncate(filepath.Join(dir, "file"), 0) },
		"mode":             func(dir string) error { return os.Chmod(filepath.Join(dir, "file"), 0o600) },
		"mode of a folder": func(dir string) error { return os.Chmod(filepath.Join(dir, "folder"), 0o700) },
		"missing":          func(dir string) error { return os.Remove(filepath.Join(dir, "file")) },
		"stray":            func(dir string) error { return os.WriteFile(filepath.Join(dir, "folder/new"), nil, 0o644) },
		"text of a link": func(dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, "link")), os.Symlink("folder", filepath.Join(dir, "link")))
		},
		"extended attribute": func(dir string) error { return unix.Setxattr(filepath.Join(dir, "file"), "user.a", []byte("b"), 0) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			err := errors.Join(os.WriteFile(filepath.Join(dir, "file"), []byte("text"), 0o644), os.Mkdir(filepath.Join(dir, "folder"), 0o755),
				os.Symlink("file", filepath.Join(dir, "link")), os.WriteFile(filepath.Join(dir, ".stateID"), []byte("1"), 0o644))
			before, listed := linesOf(dir)
			if err := errors.Join(err, listed); err != nil {
				t.Fatal(err)
			}
			if err := damage(dir); errors.Is(err, unix.ENOTSUP) {
				t.Skip("this file system keeps no extended attributes of users")
			} else if err != nil {
				t.Fatal(err)
			}
			if after, err := linesOf(dir); err != nil || slices.Equal(before, after) {
				t.Errorf("it was overlooked: %v, %v", after, err)
			}
		})
	}
}

func TestTheSealIsLeftOut(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, ".stateID"), []byte("1"), 0o644); err != nil {
		t.Fatal(err)
	}
	if lines, err := linesOf(dir); err != nil || len(lines) != 1 {
		t.Errorf("got %v, %v, want the folder alone", lines, err)
	}
}
