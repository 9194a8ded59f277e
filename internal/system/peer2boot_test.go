package system_test

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moss/bootloader/esp"
	"moss/internal/system"
	"moss/internal/testutil"
	"moss/store/state"
)

// value is what an entry says to a key.
func value(text, key string) string {
	for line := range strings.Lines(text) {
		if name, rest, _ := strings.Cut(strings.TrimSpace(line), " "); name == key {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}

// ofState is the one entry of a state.
func ofState(t *testing.T, root string, id state.ID) string {
	t.Helper()
	for _, text := range entries(t, root) {
		if slices.Contains(strings.Fields(value(text, "options")), "moss.fstx="+id.String()) {
			return text
		}
	}
	t.Fatalf("state %d has no entry", id)
	return ""
}

// rebuilt is the base system once more, the same kernel version, another initrd.
func rebuilt(version, initrd string) testutil.Stone {
	s := base()
	s.Version = version
	s.Files["lib/kernel/"+kernel+"/50-moss.initrd"] = initrd
	return s
}

// TestPeerEqualKernelVersionWithAnotherInitrd: each state boots its own files,
// whatever the version says, and a title tells the states apart.
func TestPeerEqualKernelVersionWithAnotherInitrd(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	for i, initrd := range []string{"first", "second", "third"} {
		install(t, options(root), rebuilt(string(rune('1'+i)), initrd))
	}
	titles := map[string]bool{}
	for i, want := range []string{"first", "second", "third"} {
		text := ofState(t, root, state.ID(i+1))
		if got := testutil.Read(t, filepath.Join(root, "efi", value(text, "initrd"))); got != want {
			t.Errorf("the entry of state %d starts with initrd %q, want %q", i+1, got, want)
		}
		titles[value(text, "title")] = true
	}
	if len(titles) != 3 {
		t.Errorf("titles %v do not tell three states apart", slices.Collect(maps.Keys(titles)))
	}
	kernels := map[string]bool{}
	for _, text := range entries(t, root) {
		kernels[value(text, "linux")] = true
	}
	if len(kernels) != 1 {
		t.Errorf("one kernel is on $BOOT %d times", len(kernels))
	}
}

// TestPeerTwoSystemsOnOneESP: two installations of one operating system share an
// ESP with a foreign one; none touches what is another's, nor the user's settings.
func TestPeerTwoSystemsOnOneESP(t *testing.T) {
	t.Parallel()
	shared := t.TempDir()
	foreign := testutil.Tree{"EFI/BOOT/BOOTX64.EFI": "loader", "EFI/testos/vmlinuz": "foreign", "loader/entries/testos-1.conf": "title Foreign\nlinux /EFI/testos/vmlinuz\n",
		"loader/loader.conf": "# mine\ntimeout 30\neditor no\n"}
	foreign.Create(t, shared)
	roots := []string{newRoot(t), newRoot(t)}
	testutil.Tree{"etc/machine-id": "ffffffffffffffffffffffffffffffff\n"}.Create(t, roots[1])
	with := func(root string) system.Options { opt := options(root); opt.ESP = shared; return opt }
	for _, root := range roots {
		install(t, with(root), base())
	}
	first := filesOf(t, shared, "moss-0123")
	for i := range 7 {
		install(t, with(roots[1]), rebuilt(string(rune('2'+i)), string(rune('a'+i))))
	}
	if _, err := system.Prune(t.Context(), with(roots[1]), system.Policy{States: 1}); err != nil {
		t.Fatal(err)
	}
	if got := filesOf(t, shared, "moss-0123"); len(first) < 3 || !maps.Equal(first, got) {
		t.Errorf("the second system changed the first one's files: %d of %d left", len(got), len(first))
	}
	for path, want := range foreign {
		got := testutil.Read(t, filepath.Join(shared, path))
		if path == "loader/loader.conf" && strings.HasPrefix(got, want) || got == want {
			continue
		}
		t.Errorf("%s: got %q, want %q", path, got, want)
	}
}

// filesOf maps the files of one system on a shared ESP to their content.
func filesOf(t *testing.T, dir, prefix string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, line := range testutil.List(t, dir) {
		if path, rest, _ := strings.Cut(line, " "); strings.Contains(path, prefix) {
			all[path] = rest
		}
	}
	return all
}

// TestPeerMenuAfterTheSwap: the menu comes first. When it cannot be written the
// old state runs on, and no entry is without its tree.
func TestPeerMenuAfterTheSwap(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	install(t, options(root), base())
	before := testutil.List(t, filepath.Join(root, "usr"))
	opt := options(root)
	entryFirst := false
	opt.Log = func(line string) {
		switch {
		case strings.HasPrefix(line, "step menu:"):
			entryFirst = live(t, root) == 1 && len(entries(t, root)) == 2
		case strings.HasPrefix(line, "step exchange:"):
			entryFirst = entryFirst && live(t, root) == 2
		}
	}
	install(t, opt, testutil.Stone{Name: "a", Files: testutil.Tree{"bin/a": "a"}})
	if !entryFirst {
		t.Error("the exchange came before the entry")
	}
	if _, err := system.Activate(t.Context(), options(root), 1); err != nil {
		t.Fatal(err)
	}
	opt.Log = func(line string) {
		if strings.HasPrefix(line, "step seal:") {
			block(t, filepath.Join(root, "efi/loader/entries"))
		}
	}
	_, err := system.Transact(t.Context(), opt, system.Change{Stones: write(t, testutil.Stone{Name: "b", Files: testutil.Tree{"bin/b": "b"}})})
	if err == nil || system.ExitCode(err) == system.ExitLate {
		t.Fatalf("got %v, want a failure that changed nothing", err)
	}
	if after := testutil.List(t, filepath.Join(root, "usr")); !slices.Equal(before, after) {
		t.Errorf("the live tree changed:\n%s", strings.Join(after, "\n"))
	}
	// What is in a menu that cannot be read is not known: an entry may name the new
	// state, so its tree stays, and the error says so.
	all, listErr := system.States(options(root))
	if listErr != nil || len(all) != 3 || !all[2].Bootable || !strings.Contains(err.Error(), "state 3 stays") {
		t.Errorf("there are %d states, %v; the error is %v", len(all), listErr, err)
	}
	unblock(t, filepath.Join(root, "efi/loader/entries"))
	if _, err := system.SyncMenu(t.Context(), options(root)); err != nil {
		t.Error(err)
	}
	everyEntryIsWhole(t, root)
}

// block makes a folder one that nothing can be written to, root or not: a file.
func block(t *testing.T, dir string) {
	if err := errors.Join(os.Rename(dir, dir+".away"), os.WriteFile(dir, []byte("in the way"), 0o644)); err != nil {
		t.Error(err)
	}
}

func unblock(t *testing.T, dir string) {
	if err := errors.Join(os.Remove(dir), os.Rename(dir+".away", dir)); err != nil {
		t.Error(err)
	}
}

// TestPeerPrunedStateStaysInTheMenu: at no moment does an entry name a state that
// is not there, and after a rollback the newer states may go one by one.
func TestPeerPrunedStateStaysInTheMenu(t *testing.T) {
	t.Parallel()
	root := twoStates(t)
	install(t, options(root), testutil.Stone{Name: "c", Files: testutil.Tree{"bin/c": "3"}})
	if _, err := system.Activate(t.Context(), options(root), 1); err != nil {
		t.Fatal(err)
	}
	opt, asked := options(root), 0
	opt.Log = func(line string) {
		if !strings.HasPrefix(line, "menu: ") {
			return
		}
		asked++
		for _, id := range []string{"2", "3"} {
			if _, err := os.Lstat(filepath.Join(root, ".moss/root", id, "usr/.stateID")); err != nil {
				t.Errorf("while the menu still has it: %v", err)
			}
		}
	}
	if _, err := system.RemoveStates(t.Context(), opt, []state.ID{2, 3}); err != nil || asked == 0 {
		t.Fatalf("%v, the menu changed %d times", err, asked)
	}
	menu, err := system.ReadMenu(options(root))
	if err != nil || len(menu.Entries) != 1 || menu.Entries[0].State != 1 || menu.Default != 1 {
		t.Errorf("got %+v, %v, want state 1 alone, the default", menu, err)
	}
	everyEntryIsWhole(t, root)
	nothingIsLeftOver(t, root)
}

// TestPeerFullESPBlocksRemoval: with not a byte free on $BOOT, packages and
// states can still be removed.
func TestPeerFullESPBlocksRemoval(t *testing.T) {
	if !testutil.Privately(t) {
		return
	}
	root := newRoot(t)
	full := medium{t, filepath.Join(root, "efi")}
	testutil.Run(t, "mount", "-t", "tmpfs", "-o", "size=1m", "none", full.dir)
	t.Cleanup(func() { testutil.Run(t, "umount", full.dir) })
	var files testutil.Tree
	for i := range 3 {
		s := rebuilt(string(rune('1'+i)), strings.Repeat(string(rune('1'+i)), 150_000))
		s.Files["bin/editor"] = "an editor"
		files = s.Files
		install(t, options(root), s)
	}
	full.leave(0)
	if _, err := system.RemoveStates(t.Context(), options(root), []state.ID{1}); err != nil {
		t.Errorf("remove a state: %v", err)
	}
	everyEntryIsWhole(t, root)
	full.leave(0)
	slim := rebuilt("4", files["lib/kernel/"+kernel+"/50-moss.initrd"])
	if result := install(t, options(root), slim); live(t, root) != result.ID {
		t.Error("the package without the editor is not live")
	}
	everyEntryIsWhole(t, root)
	full.leave(0)
	_, err := system.Transact(t.Context(), options(root), system.Change{Stones: write(t, rebuilt("5", strings.Repeat("5", 900_000)))})
	if system.ExitCode(err) != 3 || live(t, root) != 4 {
		t.Errorf("got %v, live %d; want what does not fit refused", err, live(t, root))
	}
}

// TestPeerRootOptionWritesTheHostsESP: for another root than the running system's
// only that root's own folders are a place for a menu.
func TestPeerRootOptionWritesTheHostsESP(t *testing.T) {
	if !testutil.Privately(t) {
		return
	}
	hosts := medium{t, t.TempDir()}
	testutil.Run(t, "mount", "-t", "tmpfs", "none", hosts.dir)
	t.Cleanup(func() { testutil.Run(t, "umount", hosts.dir) })
	for _, place := range []string{"/efi", "/boot"} {
		if _, err := os.Stat(place); err != nil {
			continue
		}
		testutil.Run(t, "mount", "--bind", hosts.dir, place)
		t.Cleanup(func() { testutil.Run(t, "umount", place) })
	}
	testutil.Tree{"EFI/systemd/systemd-bootx64.efi": "the host's loader", "loader/entries/": ""}.Create(t, hosts.dir)
	before := testutil.List(t, hosts.dir)
	root := newRoot(t)
	if err := os.RemoveAll(filepath.Join(root, "efi")); err != nil {
		t.Fatal(err)
	}
	_, err := system.Transact(t.Context(), options(root), system.Change{Stones: write(t, base())})
	if !errors.Is(err, esp.ErrNoBoot) {
		t.Errorf("got %v, want that there is no place for a menu", err)
	}
	testutil.Tree{"efi/EFI/": ""}.Create(t, root)
	install(t, options(root), base())
	if !slices.Equal(before, testutil.List(t, hosts.dir)) || len(entries(t, root)) != 1 {
		t.Error("the entry is not where it belongs")
	}
}

// TestPeerRebootIsNotSaid: a change of kernel, C library or init says that it
// takes hold with a restart; another does not.
func TestPeerRebootIsNotSaid(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	install(t, options(root), base())
	next := rebuilt("2", "initrd")
	next.Files["lib/kernel/"+kernel+"/vmlinuz"] = "another"
	next.Files["lib/libc.so.6"] = "a C library"
	result := install(t, options(root), next)
	if !slices.Equal(result.Reboot, []string{"C library", "kernel"}) {
		t.Errorf("got %v, want kernel and C library", result.Reboot)
	}
	if quiet := install(t, options(root), testutil.Stone{Name: "a", Files: testutil.Tree{"bin/a": "a"}}); len(quiet.Reboot) != 0 {
		t.Errorf("got %v, want no reason", quiet.Reboot)
	}
}

// TestPeerFetchIsNotChecked: a download that is not what the index promised never
// gets its name, neither by `fetch` nor by a transaction.
func TestPeerFetchIsNotChecked(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	install(t, options(root), base())
	offer(t, root, "main", 0, text())
	stones, err := filepath.Glob(filepath.Join(repositoryOf(t, root), "*.stone"))
	if err != nil || len(stones) != 1 {
		t.Fatalf("got %v, %v", stones, err)
	}
	good, err := os.ReadFile(stones[0])
	if err != nil {
		t.Fatal(err)
	}
	bad := bytes.Clone(good)
	bad[len(bad)-1] ^= 1
	if err := os.WriteFile(stones[0], bad, 0o644); err != nil {
		t.Fatal(err)
	}
	into := t.TempDir()
	if _, err := system.Fetch(t.Context(), options(root), []string{"libtext"}, into); err == nil {
		t.Error("fetch took it")
	}
	if _, err := system.Transact(t.Context(), options(root), system.Change{Install: []string{"libtext"}}); err == nil || live(t, root) != 1 {
		t.Errorf("got %v, live %d", err, live(t, root))
	}
	for _, dir := range []string{into, filepath.Join(root, ".moss/cache/downloads")} {
		named, err := filepath.Glob(filepath.Join(dir, "*[!t]"))
		if err != nil || len(named) != 0 {
			t.Errorf("a wrong download has a name: %v", named)
		}
	}
	if err := os.WriteFile(stones[0], good, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := system.Transact(t.Context(), options(root), system.Change{Install: []string{"libtext"}}); err != nil {
		t.Errorf("with the right file: %v", err)
	}
}

// repositoryOf is the folder of the only repository.
func repositoryOf(t *testing.T, root string) string {
	t.Helper()
	all, err := system.Repositories(root)
	if err != nil || len(all) != 1 {
		t.Fatalf("got %v, %v", all, err)
	}
	return strings.TrimPrefix(all[0].URI, "file://")
}
