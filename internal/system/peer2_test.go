package system_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"moss/internal/system"
	"moss/internal/testutil"
	"moss/internal/testutil/need"
	"moss/store/activate"
	"moss/store/pack"
	"moss/store/state"
	"moss/store/stone"
	"moss/store/verify"
)

// foreignPaths is a package whose paths have owners, modes and attributes of every kind
// that a careless order of calls loses.
func foreignPaths() testutil.Stone {
	file := func(path, body string, mode, uid, gid uint32, xattrs ...stone.Xattr) stone.Layout {
		return stone.Layout{Path: path, Mode: unix.S_IFREG | mode, UID: uid, GID: gid, Hash: stone.HashOf([]byte(body)), Xattrs: xattrs}
	}
	capability := stone.Xattr{Name: "security.capability", Value: append([]byte{1, 0, 0, 2, 0, 4}, make([]byte, 14)...)}
	return testutil.Stone{Name: "owned", Files: testutil.Tree{"bin/plain": "0755:program"}, Layouts: []stone.Layout{
		file("bin/setuid", "program", 0o4755, 1234, 0),
		file("bin/setgid", "program", 0o2755, 0, 4321),
		file("bin/group", "program", 0o750, 0, 4321),
		file("bin/capable", "program", 0o755, 7, 7, capability),
		file("share/empty", "", 0o640, 0, 77),
		{Path: "share/sticky", Mode: unix.S_IFDIR | 0o1770, UID: 5, GID: 6},
		{Path: "share/link", Mode: unix.S_IFLNK | 0o777, UID: 8, Target: "empty"},
	}}
}

// TestPeerOwnersIgnored and the order of chown and chmod: what a package says of
// a path is what the path has, setuid bits and capabilities of foreign owners too.
func TestPeerOwnersIgnored(t *testing.T) {
	t.Parallel()
	need.Root(t, "giving files away")
	root := newRoot(t)
	install(t, options(root), base(), foreignPaths())
	for path, want := range map[string][3]uint32{
		"bin/plain": {0o755, 0, 0}, "bin/setuid": {0o4755, 1234, 0}, "bin/setgid": {0o2755, 0, 4321}, "bin/group": {0o750, 0, 4321},
		"bin/capable": {0o755, 7, 7}, "share/empty": {0o640, 0, 77}, "share/sticky": {0o1770, 5, 6}, "share/link": {0o777, 8, 0},
	} {
		var st unix.Stat_t
		if err := unix.Lstat(filepath.Join(root, "usr", path), &st); err != nil {
			t.Fatal(err)
		}
		if got := [3]uint32{st.Mode & 0o7777, st.Uid, st.Gid}; got != want {
			t.Errorf("%s: got mode, uid, gid %o, want %o", path, got, want)
		}
	}
	if n, err := unix.Lgetxattr(filepath.Join(root, "usr/bin/capable"), "security.capability", nil); err != nil || n != 20 {
		t.Errorf("the capability is lost: %d bytes, %v", n, err)
	}
}

// TestPeerWriteThroughALink: a write into one file of one state is a write into
// every state that has the same one. Verification finds it in each of them, and
// the repair mends each, without a write into the inode that a program may map.
func TestPeerWriteThroughALink(t *testing.T) {
	t.Parallel()
	root := twoStates(t)
	path := filepath.Join(root, "usr/share/shared")
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("broken"); err != nil {
		t.Fatal(err)
	}
	mapped, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer mapped.Close()
	found, err := system.Verify(t.Context(), options(root), nil)
	damage, ok := errors.AsType[*verify.DamageError](err)
	if !ok || system.ExitCode(err) != 6 || damage.Found != len(found) {
		t.Fatalf("got %v, %v; want damage, exit code 6", found, err)
	}
	for _, id := range []state.ID{0, 1, 2} {
		if !slices.ContainsFunc(found, func(f system.Finding) bool { return f.State == id && f.What == verify.Content }) {
			t.Errorf("the damage is not found in state %d (0: the store): %v", id, found)
		}
	}
	writeBack(t, root)
	if _, err := system.Repair(t.Context(), options(root)); err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{"usr", ".moss/root/1/usr"} {
		if got := testutil.Read(t, filepath.Join(root, at, "share/shared")); got != "shared" {
			t.Errorf("%s: got %q after the repair", at, got)
		}
	}
	body := make([]byte, 10)
	if n, _ := mapped.ReadAt(body, 0); string(body[:n]) != "broken" {
		t.Errorf("the damaged inode was written to: it holds %q", body[:n])
	}
	if found, err := system.Verify(t.Context(), options(root), nil); err != nil {
		t.Errorf("after the repair: %v, %v", found, err)
	}
}

// writeBack leaves the stone of package a where a repair looks for it: every
// copy in the store and the states is one inode, and that is broken.
func writeBack(t *testing.T, root string) {
	t.Helper()
	offer(t, root, "main", 0, testutil.Stone{Name: "a", Files: testutil.Tree{"bin/a": "0755:one", "share/shared": "shared"}})
}

// TestPeerPhantomRows: a row whose tree never came is forgotten, not listed for ever.
func TestPeerPhantomRows(t *testing.T) {
	t.Parallel()
	root := twoStates(t)
	if err := os.RemoveAll(filepath.Join(root, ".moss/root/1")); err != nil {
		t.Fatal(err)
	}
	if _, err := system.Activate(t.Context(), options(root), 1); !errors.Is(err, state.ErrNotFound) {
		t.Errorf("got %v, want that there is no such state", err)
	}
	if all, err := system.States(options(root)); err != nil || len(all) != 1 || all[0].ID != 2 {
		t.Errorf("got %v, %v, want state 2 alone", all, err)
	}
	if _, err := system.SyncMenu(t.Context(), options(root)); err != nil {
		t.Fatal(err)
	}
	if n := len(entries(t, root)); n != 1 {
		t.Errorf("there are %d entries, want 1", n)
	}
}

// TestPeerExchangeBeforeArchive: the power went after the exchange and before the
// folder got its new name. Both trees are whole, under their own numbers, whatever
// comes next.
func TestPeerExchangeBeforeArchive(t *testing.T) {
	t.Parallel()
	for name, next := range map[string]func(root string) error{
		"activate the old": func(root string) error { _, err := system.Activate(context.Background(), options(root), 1); return err },
		"activate the new": func(root string) error { _, err := system.Activate(context.Background(), options(root), 2); return err },
		"transaction":      func(root string) error { install(t, options(root), testutil.Stone{Name: "c"}); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			root := twoStates(t)
			before := testutil.List(t, filepath.Join(root, ".moss/root/1/usr"))
			if err := os.Rename(filepath.Join(root, ".moss/root/1"), filepath.Join(root, ".moss/root/2")); err != nil {
				t.Fatal(err)
			}
			if err := next(root); err != nil {
				t.Fatal(err)
			}
			usr := filepath.Join(root, ".moss/root/1/usr")
			if live(t, root) == 1 {
				usr = filepath.Join(root, "usr")
			}
			if after := testutil.List(t, usr); !slices.Equal(before, after) {
				t.Errorf("state 1 is not what it was:\n%s", strings.Join(after, "\n"))
			}
			nothingIsLeftOver(t, root)
		})
	}
}

// TestPeerOrphanTreesAreNeverCollected: what a crash left of trees goes with the
// next prune; what may be somebody's stays.
func TestPeerOrphanTreesAreNeverCollected(t *testing.T) {
	t.Parallel()
	root := twoStates(t)
	testutil.Tree{".moss/root/77/usr/bin/x": "half", ".moss/root/.unsealed-3/usr/bin/x": "half", ".moss/root/notes/usr/x": "mine"}.Create(t, root)
	done, err := system.Prune(t.Context(), options(root), system.Policy{})
	if err != nil || len(done.Orphans) != 2 {
		t.Errorf("got %+v, %v, want two orphans", done, err)
	}
	for path, want := range map[string]bool{".moss/root/77": false, ".moss/root/.unsealed-3": false, ".moss/root/notes": true, ".moss/root/1": true} {
		if _, err := os.Lstat(filepath.Join(root, path)); (err == nil) != want {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestPeerKeepAndPin: age, number and pins each protect a state, and the prune
// says what it frees before it does.
func TestPeerKeepAndPin(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	opt := options(root)
	for i := range 6 {
		opt.Now = opt.Now.Add(24 * time.Hour)
		next := base()
		next.Version, next.Files["share/v"] = string(rune('1'+i)), strings.Repeat(string(rune('1'+i)), 10_000)
		install(t, opt, next)
	}
	if _, err := system.Pin(t.Context(), opt, []state.ID{1}, true); err != nil {
		t.Fatal(err)
	}
	policy := system.Policy{States: 2, Age: 72 * time.Hour}
	dry := opt
	dry.DryRun = true
	would, err := system.Prune(t.Context(), dry, policy)
	if err != nil {
		t.Fatal(err)
	}
	did, err := system.Prune(t.Context(), opt, policy)
	if err != nil || !slices.Equal(did.States, []state.ID{2, 3}) || !slices.Equal(would.States, did.States) {
		t.Errorf("would remove %v, removed %v, %v; want 2 and 3", would.States, did.States, err)
	}
	if did.Bytes < 20_000 || would.Bytes < did.Bytes/2 || would.Bytes > did.Bytes*2 {
		t.Errorf("would free %d, freed %d", would.Bytes, did.Bytes)
	}
	again, err := system.Prune(t.Context(), opt, policy)
	if err != nil || len(again.States) != 0 || again.Bytes != 0 {
		t.Errorf("the second time: %+v, %v, want nothing", again, err)
	}
	if ids, err := system.StatesBetween(root, 1, 4); err != nil || !slices.Equal(ids, []state.ID{1, 4}) {
		t.Errorf("range: got %v, %v, want what there is between", ids, err)
	}
	if _, err := system.RemoveStates(t.Context(), opt, []state.ID{4, 1}); system.ExitCode(err) != 3 || !strings.Contains(err.Error(), "pinned") {
		t.Errorf("got %v, want the pinned one refused by name", err)
	}
	if _, err := os.Lstat(filepath.Join(root, ".moss/root/4")); err != nil {
		t.Error("a refused removal removed something:", err)
	}
}

// TestPeerExtractDeletes: extracting beside a store leaves the store alone, and a
// hostile name or version of the package chooses no path.
func TestPeerExtractDeletes(t *testing.T) {
	root := twoStates(t)
	before := testutil.List(t, root)
	t.Chdir(root)
	out := filepath.Join(t.TempDir(), "out")
	if _, err := pack.Extract(t.Context(), write(t, testutil.Stone{Name: "x", Version: "1", Files: testutil.Tree{"bin/x": "x"}}), out); err != nil {
		t.Fatal(err)
	}
	if _, err := pack.Extract(t.Context(), write(t, testutil.Stone{Name: "x", Files: testutil.Tree{"bin/a": "other"}}), root); err == nil {
		t.Error("it replaced a file of a live system")
	}
	if !slices.Equal(before, testutil.List(t, root)) {
		t.Error("something in the current folder changed")
	}
	if got := testutil.Read(t, filepath.Join(out, "usr/bin/x")); got != "x" {
		t.Errorf("got %q", got)
	}
}

// TestPeerRemoveOnAnUnsyncedSystem: no repository answers, a dependency is broken
// already; a package can still be removed.
func TestPeerRemoveOnAnUnsyncedSystem(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	forced := options(root)
	forced.Force = true
	install(t, forced, base(), testutil.Stone{Name: "broken", Depends: []string{"soname(libgone.so.1(x86_64))"}},
		testutil.Stone{Name: "a", Files: testutil.Tree{"bin/a": "a"}})
	testutil.Tree{"etc/moss/repo.d/gone.yaml": "gone:\n  uri: http://127.0.0.1:1/\n  unsigned: true\n"}.Create(t, root)
	result, err := system.Transact(t.Context(), options(root), system.Change{Remove: []string{"a"}})
	if err != nil || live(t, root) != result.ID || !slices.Equal(result.Removed, []string{"a 1"}) {
		t.Errorf("got %+v, %v, want a removed", result, err)
	}
}

// TestPeerLocalStone: a file is installed like a package of a repository, and
// what it needs comes from there.
func TestPeerLocalStone(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	install(t, options(root), base())
	offer(t, root, "main", 0, text())
	result := install(t, options(root), editor("1"))
	if !slices.Equal(result.Added, []string{"libtext 1", "nano 1"}) {
		t.Errorf("got %v, want the library too", result.Added)
	}
}

// TestPeerRepairRunsTriggers: a repair of any state leaves the running system
// alone: it runs nothing, and asks for nothing to be run.
func TestPeerRepairRunsTriggers(t *testing.T) {
	t.Parallel()
	root := twoStates(t)
	folder := testutil.List(t, filepath.Join(root, ".moss/boot"))
	if err := os.Remove(filepath.Join(root, ".moss/root/1/usr/bin/a")); err != nil {
		t.Fatal(err)
	}
	before := testutil.List(t, filepath.Join(root, "usr"))
	if _, err := system.Repair(t.Context(), options(root)); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(before, testutil.List(t, filepath.Join(root, "usr"))) || !slices.Equal(folder, testutil.List(t, filepath.Join(root, ".moss/boot"))) {
		t.Error("the repair of an archived state reached the live one")
	}
	if id, err := activate.LiveID(filepath.Join(root, ".moss/root/1/usr")); err != nil || id != 1 {
		t.Errorf("state 1 says that it is %d, %v", id, err)
	}
}
