package testutil

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"moss/internal/testutil/need"
)

// UnmergedDebian is the root of a Debian 12 whose /bin, /sbin and /lib are
// folders, with the package usrmerge, which did not run. debootstrap makes it
// once, below build; nobody may change it.
func UnmergedDebian(t testing.TB) string {
	t.Helper()
	need.Root(t, "debootstrap")
	home := filepath.Join(Repo(t), "build", "debootstrap-bookworm-unmerged")
	if _, err := os.Stat(home); err == nil {
		return home
	}
	made, err := os.MkdirTemp(filepath.Dir(home), ".debootstrap-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(made)
	// debootstrap writes a note into such a root that usrmerge's own script obeys.
	Run(t, "debootstrap", "--no-merged-usr", "--variant=minbase", "--include=usrmerge", "bookworm", made)
	for _, heavy := range []string{"usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info", "var/cache/apt", "var/lib/apt/lists", "debootstrap"} {
		if err := os.RemoveAll(filepath.Join(made, heavy)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(made, 0o755); err != nil {
		t.Fatal(err)
	}
	// Another process may have been faster; its root is as good.
	if err := os.Rename(made, home); err != nil && !errors.Is(err, fs.ErrExist) && !errors.Is(err, unix.ENOTEMPTY) {
		t.Fatal(err)
	}
	return home
}
