package activate

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"moss/internal/testutil"
	"moss/internal/testutil/need"
)

// The oracle: the kernel itself, which can resolve a path inside a root
// (openat2 with RESOLVE_IN_ROOT, Linux 5.6). The view must come to the same
// place in every tree of folders, files and links.
func TestWalkAgreesWithKernel(t *testing.T) {
	found, total := 0, 0
	rapid.Check(testutil.Seeded(t), func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "root")
		if err != nil {
			rt.Fatal(err)
		}
		defer os.RemoveAll(dir)
		drawTree(rt, dir)
		for range 20 {
			path := drawPath(rt, "/")
			want, err := inRoot(dir, path)
			if errors.Is(err, unix.ENOSYS) {
				need.Machine(t, "openat2: %v", err)
			}
			total++
			got, lost := newView(dir, filepath.Join(dir, "usr")).walk(path)
			if (lost == nil) != (err == nil) || lost == nil && got.String() != want {
				rt.Fatalf("%s: got %s, %v, the kernel says %s, %v", path, got, lost, want, err)
			}
			if err == nil {
				found++
			}
		}
	})
	if found < total/10 {
		t.Errorf("only %d of %d paths led anywhere", found, total)
	}
}

func inRoot(dir, path string) (string, error) {
	root, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return "", err
	}
	defer unix.Close(root)
	fd, err := unix.Openat2(root, path, &unix.OpenHow{Flags: unix.O_PATH, Resolve: unix.RESOLVE_IN_ROOT})
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	name, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
	if err != nil {
		return "", err
	}
	return filepath.Join("/", strings.TrimPrefix(name, dir)), nil
}

var someNames = []string{"usr", "a", "b", "c", "d"}

func drawPath(t *rapid.T, start string) string {
	parts := rapid.SliceOfN(rapid.SampledFrom(append([]string{"..", ".", ""}, someNames...)), 1, 5).Draw(t, "path")
	return start + strings.Join(parts, "/")
}

func drawTree(t *rapid.T, dir string) {
	if err := os.Mkdir(filepath.Join(dir, "usr"), 0o755); err != nil {
		t.Fatal(err)
	}
	folders := []string{"", "usr"}
	for range rapid.IntRange(3, 15).Draw(t, "entries") {
		at := filepath.Join(rapid.SampledFrom(folders).Draw(t, "folder"), rapid.SampledFrom(someNames[1:]).Draw(t, "name"))
		path := filepath.Join(dir, at)
		var err error
		switch rapid.IntRange(0, 3).Draw(t, "kind") {
		case 0:
			if err = os.Mkdir(path, 0o755); err == nil {
				folders = append(folders, at)
			}
		case 1:
			err = os.WriteFile(path, nil, 0o644)
		default:
			err = os.Symlink(drawPath(t, rapid.SampledFrom([]string{"", "/"}).Draw(t, "start")), path)
		}
		if err != nil && !errors.Is(err, fs.ErrExist) && !errors.Is(err, unix.EISDIR) && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ELOOP) && !errors.Is(err, unix.ENOTDIR) {
			t.Fatal(err)
		}
	}
}
