package usrmerge_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// heard is a test that notes what it was told instead of failing.
type heard struct {
	testing.TB
	said []string
}

func (h *heard) Helper() {}
func (h *heard) Errorf(format string, args ...any) {
	h.said = append(h.said, fmt.Sprintf(format, args...))
}

// TestLossesAreSeen: the comparison of before and after notices each thing that a
// merge could do wrong. Without this a test that never fails would go unnoticed.
func TestLossesAreSeen(t *testing.T) {
	const merged = `usr/bin/a A mode=4755 user.n=1; usr/bin/b = usr/bin/a; usr/bin/l -> ../../etc/x; usr/bin/d/e E; bin -> usr/bin; etc/x X; usr/share/s X`
	for name, wrong := range map[string]func(at func(string) string) error{
		"":           func(func(string) string) error { return nil },
		"is gone":    func(at func(string) string) error { return os.Remove(at("usr/bin/d/e")) },
		"got f 0755": func(at func(string) string) error { return os.Chmod(at("usr/bin/a"), 0o755) },
		"4755 7:0": func(at func(string) string) error {
			return errors.Join(os.Chown(at("usr/bin/a"), 7, 0), unix.Chmod(at("usr/bin/a"), 0o4755))
		},
		`user.n="2"`:                func(at func(string) string) error { return unix.Setxattr(at("usr/bin/a"), "user.n", []byte("2"), 0) },
		"other":                     func(at func(string) string) error { return os.WriteFile(at("usr/bin/d/e"), []byte("other"), 0) },
		"it was a hard link":        func(at func(string) string) error { return again(at("usr/bin/b")) },
		"to nothing":                func(at func(string) string) error { return relink("../etc/x", at("usr/bin/l")) },
		`got to "usr/share/s"`:      func(at func(string) string) error { return relink("../share/s", at("usr/bin/l")) },
		"/bin: got l":               func(at func(string) string) error { return relink("usr/bin/.", at("bin")) },
		"is left over":              func(at func(string) string) error { return os.Mkdir(at("usr/.moss-usr-merge-x"), 0o755) },
		"got inode":                 func(at func(string) string) error { return again(at("usr/share/s")) },
		"through the new name":      func(at func(string) string) error { return unmerge(at("")) },
		"got orphans [\"bin/odd\"]": func(at func(string) string) error { return stray(at(orphans + "/bin/odd")) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := inMemory(t)
			plant(t, dir, merged)
			if err := unmerge(dir); err != nil {
				t.Fatal(err)
			}
			before := take(t, dir)
			remerge(t, dir)
			if err := wrong(func(path string) string { return filepath.Join(dir, path) }); err != nil {
				t.Fatal(err)
			}
			h := &heard{TB: t}
			before.wantMerged(h, dir, nil)
			before.wantOrphans(h, dir, nil)
			if all := strings.Join(h.said, "\n"); (all == "") != (name == "") || !strings.Contains(all, name) {
				t.Errorf("got %q, want it to say %q", all, name)
			}
		})
	}
}

// unmerge makes a folder of bin again, with all that usr/bin has.
func unmerge(dir string) error {
	bin, usr := filepath.Join(dir, "bin"), filepath.Join(dir, "usr/bin")
	err := os.Remove(bin)
	if _, gone := os.Lstat(usr); gone != nil {
		return err
	}
	err = errors.Join(err, os.Rename(usr, bin), os.Remove(filepath.Join(bin, "l")))
	return errors.Join(err, os.Symlink("../etc/x", filepath.Join(bin, "l")))
}

func remerge(t *testing.T, dir string) {
	t.Helper()
	err := errors.Join(os.Rename(filepath.Join(dir, "bin"), filepath.Join(dir, "usr/bin")), os.Symlink("usr/bin", filepath.Join(dir, "bin")),
		relink("../../etc/x", filepath.Join(dir, "usr/bin/l")))
	if err != nil {
		t.Fatal(err)
	}
}

func relink(text, path string) error { return errors.Join(os.Remove(path), os.Symlink(text, path)) }

// again makes an equal file with an inode of its own.
func again(path string) error {
	var st unix.Stat_t
	data, err := os.ReadFile(path)
	err = errors.Join(err, unix.Stat(path, &st), os.Rename(path, path+"~"), os.WriteFile(path, data, 0o600), unix.Chmod(path, st.Mode&0o7777))
	if old, found := unix.Getxattr(path+"~", "user.n", make([]byte, 9)); found == nil && old > 0 {
		err = errors.Join(err, unix.Setxattr(path, "user.n", []byte("1"), 0))
	}
	return errors.Join(err, unix.UtimesNano(path, []unix.Timespec{st.Atim, st.Mtim}))
}

func stray(path string) error {
	return errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, nil, 0o600))
}
