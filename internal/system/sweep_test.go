//go:build faultinject

package system_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"moss/internal/system"
	"moss/internal/testutil"
	"moss/store/state"
)

// TestSweep cuts each command at every fault point that it passes, in every way.
// Afterwards the live tree is the old or the new one, file by file, no entry is
// without its files or its tree, the next command recovers, the same command
// run again ends as one that was never cut, a verification finds nothing, and
// a prune leaves nothing that no state needs.
func TestSweep(t *testing.T) {
	dir := scratch(t)
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			b := s.prepare(t, dir)
			for _, point := range s.points {
				for _, kind := range []string{"error", "panic", "kill"} {
					t.Run(point+"/"+kind, func(t *testing.T) {
						t.Parallel()
						b.cut(t, point, kind)
					})
				}
			}
		})
	}
}

// scratch is a folder in memory where there is one: there is no power to lose
// here, and every sync of a disk takes its time.
func scratch(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "moss-sweep-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// bench is a root that is ready for a scenario's command, and what an uncut run
// makes of it.
type bench struct {
	scenario
	root     string // never changed: each cut has a copy
	dir      string
	repo     string
	stones   []string
	old, new []string // listings of the live tree
	before   map[string]string
	states   []state.ID
	indexes  [2][]string
}

func (s scenario) prepare(t *testing.T, dir string) *bench {
	t.Helper()
	dir, err := os.MkdirTemp(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{scenario: s, dir: dir, root: filepath.Join(dir, "root"), repo: filepath.Join(dir, "repo")}
	for _, one := range []string{b.root, b.repo} {
		if err := os.Mkdir(one, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	testutil.NewRoot(t, b.root)
	s.setup(t, b)
	b.old, b.before = testutil.List(t, filepath.Join(b.root, "usr")), menuFiles(t, b.root)
	b.indexes[0], b.states = offered(t, b.root), idsIn(t, b.root)
	uncut := b.copy(t)
	if code, said := b.run(t, uncut, ""); code != 0 {
		t.Fatalf("uncut: exit code %d: %s", code, said)
	}
	b.new, b.indexes[1] = testutil.List(t, filepath.Join(uncut, "usr")), offered(t, uncut)
	clean(t, options(uncut))
	b.tidy(t, uncut)
	return b
}

// copy is a copy of the root in which hard links are hard links.
func (b *bench) copy(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(b.dir, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if out, err := exec.Command("cp", "-a", b.root, dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return filepath.Join(dir, "root")
}

// run is the command in a process of its own: its exit code, -1 if it was
// killed, and what it said.
func (b *bench) run(t *testing.T, root, fault string) (int, string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "TMPDIR="+b.dir, "MOSS_TEST_VERB="+b.verb, "MOSS_TEST_ROOT="+root,
		"MOSS_TEST_STONES="+strings.Join(b.stones, " "), "MOSS_FAULT="+fault)
	if b.inside {
		b.enter(t, cmd, root)
	}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(out), "\n\n") // of a panic the reason alone
	return cmd.ProcessState.ExitCode(), first
}

// enter makes the root that of the command, as on a running system.
func (b *bench) enter(t *testing.T, cmd *exec.Cmd, root string) {
	t.Helper()
	program := filepath.Join(b.dir, "program")
	if _, err := os.Stat(program); err != nil {
		if out, err := exec.Command("cp", os.Args[0], program).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	if err := os.Link(program, filepath.Join(root, "program")); err != nil && !errors.Is(err, os.ErrExist) {
		t.Fatal(err)
	}
	cmd.Path, cmd.Args, cmd.Dir = "/program", []string{"/program"}, "/"
	cmd.Env = append(cmd.Env, "TMPDIR=/tmp", "MOSS_TEST_ROOT=/")
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Chroot: root}
}

func (b *bench) cut(t *testing.T, point, kind string) {
	root := b.copy(t)
	code, said := b.run(t, root, point+":"+kind)
	if code == 0 {
		t.Fatalf("nothing happened at %s: the point is not passed", point)
	}
	t.Logf("exit code %d: %s", code, said)
	b.oldOrNew(t, root)
	b.everyEntryCanStart(t, root)
	if kind == "error" {
		b.nothingChanged(t, root, code, said)
	}
	if found := offered(t, root); !slices.Equal(found, b.indexes[0]) && !slices.Equal(found, b.indexes[1]) {
		t.Errorf("the repository offers %v, neither %v nor %v", found, b.indexes[0], b.indexes[1])
	}

	// What any command does first, and what every second one does last.
	if _, err := system.Pin(t.Context(), options(root), nil, true); err != nil && !b.damaged {
		t.Errorf("the next command: %v", err)
	}
	b.oldOrNew(t, root)
	b.everyEntryCanStart(t, root)
	if !b.damaged && len(idsIn(t, root)) > 0 {
		clean(t, options(root))
	}

	again := testutil.List(t, filepath.Join(root, "usr"))
	if code, said := b.run(t, root, ""); code != 0 && !(b.once && slices.Equal(again, b.new)) {
		t.Errorf("the same again: exit code %d: %s", code, said)
	}
	if now := testutil.List(t, filepath.Join(root, "usr")); !slices.Equal(unnumbered(now), unnumbered(b.new)) {
		t.Errorf("the same again: the live tree is\n%s\nwant\n%s", strings.Join(now, "\n"), strings.Join(b.new, "\n"))
	}
	clean(t, options(root))
	b.tidy(t, root)
}

// tidy prunes, after which there is nothing that nobody needs.
func (b *bench) tidy(t *testing.T, root string) {
	t.Helper()
	live := testutil.List(t, filepath.Join(root, "usr"))
	if _, err := system.Prune(t.Context(), options(root), system.Policy{States: 1}); err != nil {
		t.Errorf("prune: %v", err)
	}
	if now := testutil.List(t, filepath.Join(root, "usr")); !slices.Equal(now, live) {
		t.Errorf("the prune changed the live tree:\n%s", strings.Join(now, "\n"))
	}
	clean(t, options(root))
	b.everyEntryCanStart(t, root)
	b.nothingSuperfluous(t, root)
	if pending, triggered := marks(root); b.inside && (pending != "" || triggered == "") {
		t.Errorf("system triggers: pending %q, done %q", pending, triggered)
	}
}

// oldOrNew: whatever was cut, the live tree is exactly one of the two. A repair
// goes path by path; there each line is old or new.
func (b *bench) oldOrNew(t *testing.T, root string) {
	t.Helper()
	now := testutil.List(t, filepath.Join(root, "usr"))
	if slices.Equal(now, b.old) || slices.Equal(now, b.new) {
		return
	}
	either := append(slices.Clone(b.old), b.new...)
	if b.damaged && !slices.ContainsFunc(now, func(line string) bool { return !slices.Contains(either, line) }) {
		return
	}
	t.Errorf("the live tree is neither old nor new:\n%s", strings.Join(now, "\n"))
}

// nothingChanged holds a command to its exit code: unless it says that the new
// state is in place, it left the live tree and the menu as they were.
func (b *bench) nothingChanged(t *testing.T, root string, code int, said string) {
	t.Helper()
	now := testutil.List(t, filepath.Join(root, "usr"))
	if code == system.ExitLate {
		if !slices.Equal(now, b.new) {
			t.Error("it says that the new state is in place, and it is not")
		}
		return
	}
	if !slices.Equal(now, b.old) && !b.damaged {
		t.Errorf("exit code %d, and the live tree is not the old one", code)
	}
	if b.onward || strings.Contains(said, "stays: its boot entry could not be taken away") {
		return // said, and everyEntryCanStart has seen that the state is whole
	}
	if ids := idsIn(t, root); !slices.Equal(ids, b.states) {
		t.Errorf("exit code %d, and there are states %v, were %v", code, ids, b.states)
	}
	if menu := menuFiles(t, root); !maps.Equal(menu, b.before) {
		t.Errorf("exit code %d, and the menu changed: got %s, want %s", code, fmt.Sprint(menu), fmt.Sprint(b.before))
	}
}

// unnumbered leaves the state's number out: one that was taken back is not given
// again.
func unnumbered(lines []string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return strings.HasPrefix(line, ".stateID ") })
}
