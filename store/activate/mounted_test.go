package activate_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"moss/internal/mount"
	"moss/internal/testutil"
	"moss/store/activate"
)

// mountedRoot is an installation on a file system of its own, in a namespace of
// the test's own, shared with other namespaces as systemd does it or not.
func mountedRoot(t *testing.T, shared bool, tree testutil.Tree) (r *activate.Root, warnings *[]string) {
	t.Helper()
	dir := filepath.Join(testutil.Memory(t, "16m"), "root")
	propagation := uintptr(unix.MS_PRIVATE)
	if shared {
		propagation = unix.MS_SHARED
	}
	must(t, os.Mkdir(dir, 0o755))
	must(t, unix.Mount("tmpfs", dir, "tmpfs", 0, ""))
	must(t, unix.Mount("", dir, "", propagation, ""))
	t.Cleanup(func() { must(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	tree.Create(t, dir)
	r = activate.Open(dir)
	warnings = new([]string)
	r.Warn = func(line string) { *warnings = append(*warnings, line) }
	return r, warnings
}

// mountsIn lists the mounts at or below dir, with the flag ro if they have it.
func mountsIn(t *testing.T, dir string) []string {
	t.Helper()
	points, err := mount.Self()
	must(t, err)
	var found []string
	for _, p := range points {
		if rel, ok := strings.CutPrefix(p.Path, dir+"/"); ok {
			found = append(found, rel+":"+p.Options[0])
		}
	}
	slices.Sort(found)
	return found
}

func wantMounts(t *testing.T, r *activate.Root, want ...string) {
	t.Helper()
	slices.Sort(want)
	if got := mountsIn(t, r.Dir()); !slices.Equal(got, want) {
		t.Errorf("got mounts %q, want %q", got, want)
	}
}

func writeIn(dir string) error { return os.WriteFile(filepath.Join(dir, "probe"), nil, 0o644) }

// local adds /usr/local to the trees of threeStates.
func local(tree testutil.Tree) testutil.Tree {
	for _, usr := range []string{"usr", ".moss/root/1/usr", ".moss/root/2/usr"} {
		tree[usr+"/local/"] = ""
		tree[usr+"/etc/file"] = "of the tree"
	}
	return tree
}

func bothWays(t *testing.T, check func(t *testing.T, shared bool)) {
	for _, shared := range []bool{false, true} {
		t.Run(fmt.Sprintf("shared=%v", shared), func(t *testing.T) { check(t, shared) })
	}
}

// TestProtect: /usr cannot be written, the root can, and the flags stay.
func TestProtect(t *testing.T) {
	if !testutil.Privately(t) {
		return
	}
	r, _ := mountedRoot(t, true, threeStates())
	const kept = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOATIME
	must(t, unix.Mount("", r.Dir(), "", unix.MS_REMOUNT|unix.MS_BIND|kept, ""))
	must(t, r.Protect())
	if err := writeIn(r.Usr()); !errors.Is(err, unix.EROFS) {
		t.Errorf("got %v, want a read-only /usr", err)
	}
	must(t, writeIn(r.Dir()))
	var info unix.Statfs_t
	must(t, unix.Statfs(r.Usr(), &info))
	if info.Flags&kept != kept {
		t.Errorf("got flags %#x, want those of the root as well", info.Flags)
	}
}

// TestExchangeBelowBind: a read-only /usr is one afterwards, with the new tree, and
// what was open stays open.
func TestExchangeBelowBind(t *testing.T) {
	if !testutil.Privately(t) {
		return
	}
	bothWays(t, func(t *testing.T, shared bool) {
		r, warnings := mountedRoot(t, shared, threeStates())
		must(t, r.Protect())
		open, err := os.Open(filepath.Join(r.Usr(), "mark"))
		must(t, err)
		defer open.Close()
		for _, id := range []activate.ID{1, 2, 2} {
			must(t, r.Exchange(id))
			if text := testutil.Read(t, filepath.Join(r.Usr(), "mark")); text != "tree "+id.String() {
				t.Errorf("got %q, want tree %s", text, id)
			}
			if err := writeIn(r.Usr()); !errors.Is(err, unix.EROFS) {
				t.Errorf("state %s: got %v, want a read-only /usr", id, err)
			}
			wantMounts(t, r, "usr:ro")
		}
		text := make([]byte, 20)
		if n, err := open.Read(text); string(text[:n]) != "tree 3" {
			t.Errorf("got %q, %v from the file that was open, want tree 3", text[:n], err)
		}
		if len(*warnings) != 0 {
			t.Errorf("got %q, want no warning", *warnings)
		}
	})
}

// TestMountsBelowUsrStay: what a person mounted at /usr/local is there after the
// exchange, with what is mounted on it, and not in the tree that was replaced.
func TestMountsBelowUsrStay(t *testing.T) {
	if !testutil.Privately(t) {
		return
	}
	bothWays(t, func(t *testing.T, shared bool) {
		for _, protected := range []bool{false, true} {
			r, warnings := mountedRoot(t, shared, local(threeStates()))
			var bind []string
			if protected {
				bind = []string{"usr:ro"}
				must(t, r.Protect())
			}
			at := filepath.Join(r.Usr(), "local")
			must(t, unix.Mount("tmpfs", at, "tmpfs", 0, ""))
			testutil.Tree{"mine": "mine", "deep/": ""}.Create(t, at)
			must(t, unix.Mount("tmpfs", at+"/deep", "tmpfs", 0, ""))
			testutil.Tree{"more": "more"}.Create(t, at+"/deep")
			own := filepath.Join(r.Dir(), "own")
			must(t, os.WriteFile(own, []byte("of the owner"), 0o644))
			must(t, unix.Mount(own, r.Usr()+"/etc/file", "", unix.MS_BIND, ""))
			for _, id := range []activate.ID{1, 2} {
				must(t, r.Exchange(id))
				got := testutil.Read(t, at+"/mine") + testutil.Read(t, at+"/deep/more") + testutil.Read(t, r.Usr()+"/etc/file")
				if got != "minemoreof the owner" {
					t.Errorf("got %q below /usr", got)
				}
				wantMounts(t, r, append(bind, "usr/etc/file:rw", "usr/local/deep:rw", "usr/local:rw")...)
			}
			if text := testutil.Read(t, filepath.Join(r.Dir(), ".moss/root/1/usr/etc/file")); text != "of the tree" {
				t.Errorf("got %q in the tree that was replaced", text)
			}
			if len(*warnings) != 0 {
				t.Errorf("got %q, want no warning", *warnings)
			}
		}
	})
}

// TestMountInTheWay: what cannot be carried over is refused before anything moves.
func TestMountInTheWay(t *testing.T) {
	if !testutil.Privately(t) {
		return
	}
	for name, c := range map[string]struct {
		prepare func(t *testing.T, usr string)
		want    string
	}{
		"no place": {func(t *testing.T, usr string) {
			testutil.Tree{"only3/": ""}.Create(t, usr)
			must(t, unix.Mount("tmpfs", usr+"/only3", "tmpfs", 0, ""))
		}, "/usr/only3 is a mount point, and state 2 has no place for it"},
		"a link there": {func(t *testing.T, usr string) {
			testutil.Tree{"linked/": "", "../.moss/root/2/usr/linked": "-> /usr/local"}.Create(t, usr)
			must(t, unix.Mount("tmpfs", usr+"/linked", "tmpfs", 0, ""))
		}, "/usr/linked is a mount point, and state 2 has no place for it"},
		"a stack": {func(t *testing.T, usr string) {
			for range 2 {
				must(t, unix.Mount("tmpfs", usr+"/local", "tmpfs", 0, ""))
			}
		}, "/usr/local has several mounts on top of each other"},
		"a /usr of its own": {func(t *testing.T, usr string) {
			must(t, unix.Mount("tmpfs", usr, "tmpfs", 0, ""))
			testutil.Tree{".stateID": "3", "mark": "tree 3"}.Create(t, usr)
		}, "/usr is a mount of its own (tmpfs)"},
		"another folder at /usr": {func(t *testing.T, usr string) {
			must(t, unix.Mount(filepath.Join(usr, "../.moss/root/1/usr"), usr, "", unix.MS_BIND, ""))
		}, "/usr is a mount of its own (tmpfs)"},
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := mountedRoot(t, true, local(threeStates()))
			c.prepare(t, r.Usr())
			before, mounts := trees(t, r), mountsIn(t, r.Dir())
			err := r.Exchange(2)
			if because, ok := errors.AsType[*activate.MountedError](err); !ok || !strings.Contains(err.Error(), c.want) || because.Hint() == "" {
				t.Errorf("got %v, want %q", err, c.want)
			}
			checkTrees(t, r, before)
			wantMounts(t, r, mounts...)
		})
	}
}
