package system_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"moss/internal/system"
	"moss/internal/testutil"
	"moss/store/state"
)

// TestAdministratorsFilesAreLeftAlone: whatever is done, without triggers /etc and
// /var stay as they are to the byte, and so do owners, modes and times.
func TestAdministratorsFilesAreLeftAlone(t *testing.T) {
	root, mirror := newRoot(t), t.TempDir()
	opt := options(root)
	opt.NoTriggers = true
	install(t, opt, base())
	app := testutil.Stone{Name: "app", Version: "1", Files: testutil.Tree{"bin/app": "one", "share/factory/etc/app.conf": "its own"}}
	app.Write(t, mirror)
	publish(t, mirror)
	addRepository(t, root, mirror)
	testutil.Tree{"etc/app.conf": "mine", "etc/secret": "0600:mine", "etc/link": "-> app.conf", "etc/empty/": "",
		"var/lib/app/data": "mine", "var/log/": "", "var/spool/own": "0444:mine"}.Create(t, root)
	if err := os.Chown(filepath.Join(root, "etc/secret"), 1000, 1000); err != nil && os.Geteuid() == 0 {
		t.Fatal(err)
	}
	before := everything(t, root)
	do := func(name string, act func() error) {
		if err := act(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(before, everything(t, root)); diff != "" {
			t.Fatalf("%s changed (-before +after):\n%s", name, diff)
		}
	}
	change := func(c system.Change) func() error {
		return func() error { _, err := system.Transact(t.Context(), opt, c); return err }
	}
	do("install", change(system.Change{Install: []string{"app"}}))
	app.Version, app.Release, app.Files["bin/app"] = "2", 2, "two"
	app.Write(t, mirror)
	publish(t, mirror)
	do("sync", change(system.Change{Upgrade: true, Refresh: true}))
	do("remove", change(system.Change{Remove: []string{"app"}}))
	do("activate", func() error { _, err := system.Activate(t.Context(), opt, 3); return err })
	do("pin", func() error { _, err := system.Pin(t.Context(), opt, []state.ID{4}, true); return err })
	harm(t, filepath.Join(root, "usr/bin/app"))
	do("repair", func() error { _, err := system.Repair(t.Context(), opt); return err })
	do("prune", func() error { _, err := system.Prune(t.Context(), opt, system.Policy{States: 1}); return err })
	if got := live(t, root); got != 3 {
		t.Errorf("state %d is live, want 3: not all of that was done", got)
	}
}

// everything is each path below /etc and /var with all that the file system says
// of it but when it was read.
func everything(t *testing.T, root string) map[string][]any {
	t.Helper()
	all := map[string][]any{}
	for _, top := range []string{"etc", "var"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(path string, _ os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			var st unix.Stat_t
			if err := unix.Lstat(path, &st); err != nil {
				return err
			}
			body, target := "", ""
			switch st.Mode & unix.S_IFMT {
			case unix.S_IFREG:
				body = testutil.Read(t, path)
			case unix.S_IFLNK:
				target, err = os.Readlink(path)
			}
			all[path] = []any{st.Ino, st.Mode, st.Uid, st.Gid, st.Nlink, st.Mtim.Nano(), st.Ctim.Nano(), body, target}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}
