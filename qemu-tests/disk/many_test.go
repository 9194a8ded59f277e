package disk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"moss/internal/testutil"
)

func TestBuildMany(t *testing.T) {
	needTools(t)
	dir := t.TempDir()
	testutil.Tree{"one/loader/entries/moss-1+3.conf": "title one\n", "one/EFI/x": "x", "two/big/file": "big"}.Create(t, dir)
	m, err := BuildMany(t.Context(), filepath.Join(dir, "many.raw"), []Volume{{Size: 2 << 20, Tree: filepath.Join(dir, "one")}, {Size: 40 << 20, Tree: filepath.Join(dir, "two")}, {Size: 8 << 20, Tree: filepath.Join(dir, "two")}, {Size: 600 << 20, Tree: filepath.Join(dir, "two")}})
	must(t, err)
	must(t, run(t.Context(), "sfdisk", "--verify", m.Path))
	sameFile(t, m.Files(0), "/loader/entries/moss-1+3.conf", "title one\n")
	sameFile(t, m.Files(1), "/big/file", "big")

	// A partition can be taken out, changed and put into another disk.
	overlay, cut, changed := filepath.Join(dir, "many.qcow2"), filepath.Join(dir, "cut"), filepath.Join(dir, "changed")
	must(t, m.Overlay(t.Context(), overlay))
	must(t, m.Extract(t.Context(), overlay, 0, cut))
	must(t, WithFiles(t.Context(), cut, changed, map[string][]byte{"EFI/systemd/boot": []byte("loader"), "EFI/x": []byte("y")}))
	again, err := BuildMany(t.Context(), filepath.Join(dir, "again.raw"), []Volume{{Size: 1 << 20, Tree: filepath.Join(dir, "one")}, {Size: 2 << 20, Tree: changed}})
	must(t, err)
	sameFile(t, again.Files(1), "/loader/entries/moss-1+3.conf", "title one\n")
	sameFile(t, again.Files(1), "/EFI/systemd/boot", "loader")
	sameFile(t, again.Files(1), "/EFI/x", "y")
	for _, part := range []int{0, 1, 2, 3} {
		must(t, checkPart(t, m, part))
	}
	sameFile(t, FAT(cut), "/EFI/x", "x")
	if names, err := FAT(changed).List(t.Context(), "/EFI"); err != nil || !slices.Equal(names, []string{"systemd/", "x"}) {
		t.Errorf("got %v, %v", names, err)
	}
}

// checkPart checks a copy of the partition: fsck knows no offsets.
func checkPart(t *testing.T, m *Many, part int) error {
	t.Helper()
	alone := filepath.Join(t.TempDir(), "part")
	if err := m.Extract(t.Context(), m.Path, part, alone); err != nil {
		return err
	}
	return FAT(alone).Check(t.Context())
}

func TestBuildManyRefuses(t *testing.T) {
	needTools(t)
	dir := t.TempDir()
	path, large := filepath.Join(dir, "many.raw"), filepath.Join(dir, "large")
	must(t, os.WriteFile(large, make([]byte, 2<<20), 0o600))
	for name, volumes := range map[string][]Volume{
		"more than a table has": make([]Volume, 129),
		"a larger image":        {{Size: 1 << 20, Tree: large}},
		"an absent tree":        {{Size: 1 << 20, Tree: filepath.Join(dir, "absent")}},
	} {
		if _, err := BuildMany(t.Context(), path, volumes); err == nil {
			t.Errorf("%s: got no error", name)
		}
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: got a disk left behind", name)
		}
	}
}
