package usrmerge_test

import (
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"moss/internal/testutil"
	"moss/usrmerge"
)

// refusal is a root of which one top folder cannot be merged.
type refusal struct {
	name  string
	tree  string
	dir   string // the folder that stays as it is
	path  string // what stands in the way
	words string // a part of why
	mount func(t *testing.T, root string)
}

// run merges, and wants that folder untouched, bin merged and the reason said.
func (r refusal) run(t *testing.T, dir string) {
	t.Helper()
	plant(t, dir, `bin/tool T; usr/bin/other O; `+r.tree)
	if r.mount != nil {
		r.mount(t, dir)
	}
	before := take(t, dir)
	old := footprint(t, filepath.Join(dir, r.dir))
	for _, round := range []string{"first", "second"} {
		result := merge(t, dir)
		if result.Merged || result.Plan.Merged {
			t.Errorf("%s run: got merged, want not: the marker must not be written", round)
		}
		r.wantSaid(t, result.Plan.Refusals)
		wantUntouched(t, round+" run", old, footprint(t, filepath.Join(dir, r.dir)))
		before.wantWorking(t, dir, nil)
		wantEntries(t, dir, `bin -> usr/bin; usr/bin/tool T; ~ -`)
		wantTidy(t, dir)
	}
	if merged, err := usrmerge.Merged(dir, nil); merged {
		t.Errorf("got merged, %v", err)
	}
	if err := usrmerge.Check(usrmerge.Options{Root: dir}); err == nil {
		t.Error("got no error of the check, want that it is not merged")
	}
}

func (r refusal) wantSaid(t *testing.T, got []usrmerge.Refusal) {
	t.Helper()
	if len(got) != 1 {
		t.Errorf("got refusals %+v, want one", got)
		return
	}
	one := got[0]
	if one.Dir != r.dir || one.Path != r.path || !strings.Contains(one.Why, r.words) || one.Hint == "" {
		t.Errorf("got %+v, want folder %s, path %s, the words %q and a hint", one, r.dir, r.path, r.words)
	}
}

func TestRefusals(t *testing.T) {
	for _, r := range []refusal{
		{name: "immutable file", tree: `lib/a A; lib/b B +i; usr/lib/o O`, dir: "lib", path: "lib/b", words: "immutable"},
		{name: "immutable file deep in a folder that would go whole", tree: `lib/a/b/c C +i; usr/lib/o O`, dir: "lib", path: "lib/a/b/c", words: "immutable"},
		{name: "immutable folder", tree: `lib/a/ +i; usr/lib/o O`, dir: "lib", path: "lib/a", words: "immutable"},
		{name: "immutable top folder", tree: `lib/a A; lib/ +i`, dir: "lib", path: "lib", words: "immutable"},
		{name: "append-only file", tree: `lib/a A +a; usr/lib/o O`, dir: "lib", path: "lib/a", words: "append-only"},
		{name: "file against folder", tree: `lib/a A; usr/lib/a/b B`, dir: "lib", path: "lib/a", words: "folder"},
		{name: "folder against file", tree: `lib/a/b B; usr/lib/a A`, dir: "lib", path: "lib/a", words: "folder"},
		{name: "device against folder", tree: `lib/a char 1:3; usr/lib/a/`, dir: "lib", path: "lib/a", words: "folder"},
		{name: "folder against a symlink elsewhere", tree: `lib/a/b B; usr/lib/a -> ../share; usr/share/x X`, dir: "lib", path: "lib/a", words: "symlink"},
		{name: "folder against a dangling symlink", tree: `lib/a/b B; usr/lib/a -> /nowhere`, dir: "lib", path: "lib/a", words: "symlink"},
		{name: "symlink elsewhere against folder", tree: `lib/a -> ../etc; etc/x X; usr/lib/a/b B`, dir: "lib", path: "lib/a", words: "symlink"},
		{name: "folder deep down against a file", tree: `lib/x/y/a/b B; usr/lib/x/y/a A; lib/z/c C`, dir: "lib", path: "lib/x/y/a", words: "folder"},
		{name: "top folder is a file", tree: `lib L`, dir: "lib", path: "lib", words: "file"},
		{name: "top folder is a symlink elsewhere", tree: `lib -> var/lib; var/lib/x X`, dir: "lib", path: "lib", words: "var/lib"},
		{name: "top folder is a dangling symlink", tree: `lib -> nowhere`, dir: "lib", path: "lib", words: "nowhere"},
		{name: "top folder is a loop", tree: `lib -> lib`, dir: "lib", path: "lib", words: "lib"},
		{name: "new place is a file", tree: `lib/a A; usr/lib L`, dir: "lib", path: "lib", words: "folder"},
		{name: "new place is a symlink elsewhere", tree: `lib/a A; usr/lib -> ../opt; opt/x X`, dir: "lib", path: "lib", words: "symlink"},
	} {
		t.Run(r.name, func(t *testing.T) { r.run(t, inMemory(t)) })
	}
}

// TestMountPointInside: what is mounted in a folder would stay behind.
func TestMountPointInside(t *testing.T) {
	if !testutil.Privately(t) {
		return
	}
	tmpfs := func(at string) func(*testing.T, string) {
		return func(t *testing.T, root string) { mount(t, "moss-test", filepath.Join(root, at), "tmpfs", 0, "") }
	}
	bind := func(from, at string) func(*testing.T, string) {
		return func(t *testing.T, root string) {
			mount(t, filepath.Join(root, from), filepath.Join(root, at), "", unix.MS_BIND, "")
		}
	}
	for _, r := range []refusal{
		{name: "another device inside", tree: `lib/modules/; lib/a A; usr/lib/o O`, path: "lib/modules", mount: tmpfs("lib/modules")},
		{name: "another device deep in a folder that would go whole", tree: `lib/a/b/c/; usr/lib/o O`, path: "lib/a/b/c", mount: tmpfs("lib/a/b/c")},
		{name: "the same device, bound inside", tree: `lib/modules/; lib/a A; usr/lib/o O; var/mods/m M`, path: "lib/modules", mount: bind("var/mods", "lib/modules")},
		{name: "a file, bound inside", tree: `lib/a A; etc/x X; usr/lib/o O`, path: "lib/a", mount: bind("etc/x", "lib/a")},
		{name: "the top folder itself", tree: `lib/; usr/lib/o O`, path: "lib", mount: tmpfs("lib")},
	} {
		r.dir, r.words = "lib", "mount"
		t.Run(r.name, func(t *testing.T) { r.run(t, inMemory(t)) })
	}
}

// TestReadOnlyRoot: refused as a whole, in words, whoever made it read-only.
func TestReadOnlyRoot(t *testing.T) {
	if !testutil.Privately(t) {
		return
	}
	for name, at := range map[string]string{"the root": ".", "usr alone": "usr"} {
		t.Run(name, func(t *testing.T) {
			dir := inMemory(t)
			plant(t, dir, `bin/a A; usr/bin/o O; lib/b B`)
			before, path := take(t, dir), filepath.Join(dir, at)
			freeze := func(flag uintptr) {
				if err := unix.Mount("", path, "", unix.MS_BIND|unix.MS_REMOUNT|flag, ""); err != nil {
					t.Fatal(err)
				}
			}
			mount(t, path, path, "", unix.MS_BIND, "")
			freeze(unix.MS_RDONLY)
			prints := footprint(t, dir)
			result := merge(t, dir)
			if result.Merged || len(result.Plan.Refusals) == 0 || !strings.Contains(result.Plan.Refusals[0].Why, "read-only") {
				t.Errorf("got merged %v, refusals %+v, want it refused in words", result.Merged, result.Plan.Refusals)
			}
			wantUntouched(t, "merge", prints, footprint(t, dir))
			before.wantWorking(t, dir, nil)
			freeze(0)
			if result := merge(t, dir); !result.Merged && at == "." {
				t.Errorf("writable again: got %+v", result.Plan)
			}
			before.wantWorking(t, dir, nil)
		})
	}
}

// TestReadOnlyAndMerged is nothing to do, not a refusal.
func TestReadOnlyAndMerged(t *testing.T) {
	if !testutil.Privately(t) {
		return
	}
	dir := inMemory(t)
	plant(t, dir, `bin -> usr/bin; usr/bin/a A`)
	mount(t, dir, dir, "", unix.MS_BIND, "")
	if err := unix.Mount("", dir, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	wantNothingLeftToDo(t, dir)
}
