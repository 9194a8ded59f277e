package system_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moss/internal/system"
	"moss/internal/testutil"
	"moss/internal/ui"
	"moss/store/state"
)

func count(lines []string, part string) (n int) {
	for _, line := range lines {
		if strings.Contains(line, part) {
			n++
		}
	}
	return n
}

// TestNothingToDoForTheNextBootSaysItsBaseOnce: and names the state that is to be
// the next boot's, not the live one.
func TestNothingToDoForTheNextBootSaysItsBaseOnce(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	install(t, options(root), base())
	next := options(root)
	next.NextBoot = true
	made := install(t, next, appStone("a"))
	again := install(t, next, appStone("a"))
	if !again.Unchanged || again.ID != made.ID {
		t.Errorf("got %+v, want state %d unchanged", again, made.ID)
	}
	if n := count(again.Notes, "built on state 2"); n != 1 {
		t.Errorf("got the note %d times, want once: %q", n, again.Notes)
	}
}

// TestPruneCompletesTheMenu: even where no state goes, an entry that a cut left
// out comes back, and one without a state goes.
func TestPruneCompletesTheMenu(t *testing.T) {
	t.Parallel()
	root, opt := five(t)
	before := entries(t, root)
	dir := filepath.Join(root, "efi/loader/entries")
	for name, text := range before {
		if strings.Contains(name, "-3-") {
			gone := strings.ReplaceAll(text, "moss.fstx=3", "moss.fstx=9")
			if err := errors.Join(os.Remove(filepath.Join(dir, name)), os.WriteFile(filepath.Join(dir, strings.Replace(name, "-3-", "-9-", 1)), []byte(gone), 0o644)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if done, err := system.Prune(t.Context(), opt, system.Policy{States: 10}); err != nil || len(done.States) != 0 {
		t.Fatalf("got %+v, %v, want no state gone", done, err)
	}
	after := entries(t, root)
	for name, text := range before {
		if after[name] != text {
			t.Errorf("%s: got %q, want %q", name, after[name], text)
		}
	}
	if len(after) != len(before) {
		t.Errorf("got %d entries, want %d", len(after), len(before))
	}
}

// TestDownloadsAreKeptWithoutTheirRepository: whether anybody offers them cannot
// be told then.
func TestDownloadsAreKeptWithoutTheirRepository(t *testing.T) {
	t.Parallel()
	root, dir := newRoot(t), t.TempDir()
	install(t, options(root), base())
	appStone("a").Write(t, dir)
	publish(t, dir)
	addRepository(t, root, dir)
	stray := filepath.Join(root, ".moss/cache/downloads", strings.Repeat("1", 64))
	if err := os.WriteFile(stray, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	indexes, err := filepath.Glob(filepath.Join(root, ".moss/repo/*/*"))
	if err != nil || len(indexes) == 0 {
		t.Fatalf("got %v, %v, want the repository's index", indexes, err)
	}
	for _, path := range indexes {
		if err := os.Rename(path, path+".away"); err != nil {
			t.Fatal(err)
		}
	}
	var said []string
	opt := options(root)
	opt.Log = func(line string) { said = append(said, line) }
	if _, err := system.Prune(t.Context(), opt, system.Policy{States: 10}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(stray); err != nil || count(said, "warning: downloads are kept: repository test") != 1 {
		t.Errorf("%v, %q: want the download kept, with a warning", err, said)
	}
	for _, path := range indexes {
		if err := os.Rename(path+".away", path); err != nil {
			t.Fatal(err)
		}
	}
	if done, err := system.Prune(t.Context(), opt, system.Policy{States: 10}); err != nil || done.Stones != 1 {
		t.Errorf("got %+v, %v, want the download gone", done, err)
	}
	if _, err := os.Stat(stray); err == nil {
		t.Error("a download that nobody offers stays")
	}
}

// TestActivationTakesBackTheMarkOfEarlyBoot: a person chose the state, it was
// checked, and it is the default now; of others the mark stays.
func TestActivationTakesBackTheMarkOfEarlyBoot(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	install(t, options(root), base())
	install(t, options(root), appStone("a"))
	testutil.Tree{".moss/boot/failed/1": "reason: no init\nkernel: 6\ntime: x\n", ".moss/boot/failed/2": "reason: no init\n"}.Create(t, root)
	next := options(root)
	next.NextBoot = true
	if _, err := system.Activate(t.Context(), next, 1); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(filepath.Join(root, ".moss/boot/failed"))
	if err != nil || len(left) != 1 || left[0].Name() != "2" {
		t.Errorf("got marks %v, %v, want that of state 2 alone", left, err)
	}
	if _, err := system.Activate(t.Context(), next, 2); err != nil {
		t.Fatal(err)
	}
	if menu, err := system.ReadMenu(options(root)); err != nil || menu.Default != 2 {
		t.Errorf("got %+v, %v, want the newest state first, although it had failed", menu, err)
	}
}

// TestAStateThatStaysSaysHowItGoes: the error names the command, and that works.
func TestAStateThatStaysSaysHowItGoes(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	install(t, options(root), base())
	opt := options(root)
	opt.Log = func(line string) {
		if strings.HasPrefix(line, "step seal:") {
			block(t, filepath.Join(root, "efi/loader/entries"))
		}
	}
	_, err := system.Transact(t.Context(), opt, system.Change{Stones: write(t, appStone("a"))})
	var stays *system.StaysError
	if !errors.As(err, &stays) || stays.ID != 2 {
		t.Fatalf("got %v, want state 2 to stay", err)
	}
	if hint := ui.Hint(stays); !strings.Contains(hint, "moss state remove 2") || !strings.Contains(hint, "next boot may start it") {
		t.Errorf("got hint %q", hint)
	}
	unblock(t, filepath.Join(root, "efi/loader/entries"))
	if _, err := system.RemoveStates(t.Context(), options(root), []state.ID{2}); err != nil {
		t.Errorf("what the hint says does not work: %v", err)
	}
	if got := ids(t, options(root)); len(got) != 1 {
		t.Errorf("got states %v, want 1", got)
	}
}

// TestConfigurationReachesTheMenu: how many states, and how often each is tried.
func TestConfigurationReachesTheMenu(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	testutil.Tree{"etc/moss/moss.yaml": "menu: 1\ntries: 4\nrescue: yes\n"}.Create(t, root)
	first := base()
	first.Files["lib/kernel/"+testutil.Kernel+"/50-moss.initrd"] = string(rescueInitrd(t))
	install(t, options(root), first)
	for _, name := range []string{"a", "b", "c"} {
		install(t, options(root), appStone(name))
	}
	all, shells := []string{}, 0
	for name, text := range entries(t, root) {
		words := strings.Fields(value(text, "options"))
		if slices.Contains(words, "moss.shell") {
			shells++
			continue
		}
		all = append(all, name)
	}
	slices.Sort(all)
	if len(all) != 1 || count(all, "-4-") != 1 || count(all, "+4") != 1 {
		t.Errorf("got entries %q, want that of state 4, with 4 tries", all)
	}
	if shells != 1 {
		t.Errorf("got %d rescue entries, want one", shells)
	}
	testutil.Tree{"etc/moss/moss.yaml": "menu: many\n"}.Create(t, root)
	_, err := system.Transact(t.Context(), options(root), system.Change{Stones: write(t, appStone("d"))})
	refusal(t, err, "moss.yaml", "menu", "1 to 50")
}

// TestASickStateLeavesTheOthersAlone: it loses its entry, with a warning, and can
// be removed; the live one's is an error.
func TestASickStateLeavesTheOthersAlone(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	install(t, options(root), base())
	install(t, options(root), appStone("a"))
	install(t, options(root), appStone("b"))
	breakKernel := func(usr string) {
		path := filepath.Join(root, usr, "lib/kernel", kernel, "vmlinuz")
		if err := errors.Join(os.Remove(path), os.Symlink("/usr/lib/gone", path)); err != nil {
			t.Fatal(err)
		}
	}
	breakKernel(".moss/root/1/usr")
	var said []string
	opt := options(root)
	opt.Log = func(line string) { said = append(said, line) }
	if _, err := system.SyncMenu(t.Context(), opt); err != nil || len(entries(t, root)) != 2 || count(said, "state 1") == 0 || count(said, "it gets no boot entry") != 1 {
		t.Errorf("got %v, %d entries, %q; want two entries and a warning", err, len(entries(t, root)), said)
	}
	if _, err := system.RemoveStates(t.Context(), opt, []state.ID{1}); err != nil {
		t.Errorf("a sick state cannot be removed: %v", err)
	}
	breakKernel("usr")
	if _, err := system.SyncMenu(t.Context(), opt); err == nil || len(entries(t, root)) != 2 {
		t.Errorf("got %v and %d entries, want an error and the menu as it was", err, len(entries(t, root)))
	}
}
