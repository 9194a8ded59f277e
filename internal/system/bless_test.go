package system_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"moss/bootloader/efivar"
	"moss/internal/system"
	"moss/internal/testutil"
	"moss/internal/ui"
	"moss/store/state"
)

// machine is a root with some bootable states, the last of them live, and with
// EFI variables.
type machine struct {
	t    testing.TB
	root string
	opt  system.Options
	vars *efivar.Memory
}

func newMachine(t testing.TB, states int) machine {
	t.Helper()
	m := machine{t: t, root: newRoot(t), vars: &efivar.Memory{}}
	m.opt = options(m.root)
	for i := range states {
		stone := base()
		stone.Version = string(rune('1' + i))
		install(t, m.opt, stone)
	}
	m.opt.Vars = m.vars
	return m
}

const ownPrefix = "moss-0123456789ab-"

func (m machine) entry(name string) string {
	return filepath.Join(m.root, "efi/loader/entries", ownPrefix+name+".conf")
}

// count gives the entry of a state a counter, as the loader would.
func (m machine) count(id state.ID, counter string) {
	m.t.Helper()
	have, err := filepath.Glob(m.entry(id.String() + "-" + kernel + "_*"))
	if err != nil || len(have) != 1 {
		m.t.Fatalf("got %v, %v, want one entry of state %d", have, err, id)
	}
	if err := os.Rename(have[0], m.entry(id.String()+"-"+kernel+"_"+counter)); err != nil {
		m.t.Fatal(err)
	}
}

// entries are our entries as "state+counter", sorted.
func (m machine) entries() string {
	m.t.Helper()
	have, err := filepath.Glob(m.entry("*"))
	if err != nil {
		m.t.Fatal(err)
	}
	var names []string
	for _, path := range have {
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), ownPrefix), ".conf")
		names = append(names, strings.Replace(name, "-"+kernel+"_", "", 1))
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// mark is the text of a state's mark, "" without one.
func (m machine) mark(id state.ID) string {
	text, _ := os.ReadFile(filepath.Join(m.root, ".moss/boot/failed", id.String()))
	return string(text)
}

func (m machine) set(name, text string) {
	m.t.Helper()
	if err := efivar.SetText(m.vars, name, text); err != nil {
		m.t.Fatal(err)
	}
}

func (m machine) variable(name string) string {
	text, _ := efivar.Text(m.vars, name)
	return text
}

func (m machine) blessAt(good bool, id state.ID) system.Blessed {
	m.t.Helper()
	done, err := system.BlessAt(m.t.Context(), m.opt, good, id, kernel)
	if err != nil {
		m.t.Fatal(err)
	}
	return done
}

func TestBlessGood(t *testing.T) {
	m := newMachine(t, 4)
	m.count(4, "+2-1")
	m.count(3, "+0-3")
	m.count(2, "+1-2")
	m.count(1, "+0-5")
	testutil.Tree{".moss/boot/failed/4": "reason: no init\n", ".moss/boot/failed/1": "reason: verify: harm\n"}.Create(t, m.root)
	done := m.blessAt(true, 4)
	if got, want := m.entries(), "1+0-5 2+1-2 3+0-3 4"; got != want {
		t.Errorf("got the entries %s, want %s", got, want)
	}
	if len(done.Failed) != 1 || done.Failed[0] != (system.Bad{State: 3, Reason: "3 boots, none was blessed"}) || len(done.Notes) != 0 {
		t.Errorf("got %+v", done)
	}
	if got, want := m.mark(3), "reason: 3 boots, none was blessed\nkernel: "+kernel+"\ntime: 2026-11-22T03:30:00Z\n"; got != want {
		t.Errorf("got the mark %q, want %q", got, want)
	}
	if m.mark(4) != "" || m.mark(2) != "" || !strings.Contains(m.mark(1), "verify: harm") {
		t.Errorf("got the marks %q, %q and %q", m.mark(4), m.mark(2), m.mark(1))
	}
	if got := system.GoodState(m.root); got != 4 {
		t.Errorf("got the last good state %d, want 4", got)
	}
	before := testutil.List(t, m.root)
	if again := m.blessAt(true, 4); len(again.Failed) != 0 || !slices.Equal(again.Entries, done.Entries) {
		t.Errorf("again: got %+v", again)
	}
	if after := testutil.List(t, m.root); !slices.Equal(before, after) {
		t.Errorf("a second time changed something:\n%s\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
	}
}

func TestBlessBad(t *testing.T) {
	m := newMachine(t, 3)
	m.blessAt(true, 3)
	m.opt.Comment = "no\nsound"
	done, err := system.Bless(t.Context(), m.opt, false, 3)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := m.entries(), "1 2 3+0"; got != want || !strings.HasPrefix(m.mark(3), "reason: marked bad by hand: no sound\n") {
		t.Errorf("got %s and the mark %q", got, m.mark(3))
	}
	if !strings.Contains(done.Next, "state 2 ") || system.GoodState(m.root) == 3 {
		t.Errorf("got %+v and the last good state %d", done, system.GoodState(m.root))
	}
	// The loader counts on where a person picks it; that is no news.
	m.count(3, "+0-1")
	if done := m.blessAt(true, 2); len(done.Failed) != 0 || !strings.Contains(m.mark(3), "by hand") {
		t.Errorf("got %+v and the mark %q", done, m.mark(3))
	}
	if done := m.blessAt(true, 3); m.entries() != "1 2 3" || m.mark(3) != "" || len(done.Entries) != 1 {
		t.Errorf("blessed again: got %s and the mark %q", m.entries(), m.mark(3))
	}
}

// TestBlessEndsTheCountOfRestarts: only the boot that runs says that one works.
func TestBlessEndsTheCountOfRestarts(t *testing.T) {
	m := newMachine(t, 2)
	path := filepath.Join(m.root, ".moss/boot/attempts")
	m.write(testutil.Tree{".moss/boot/attempts": "2\n"})
	m.blessAt(false, 1)
	if _, err := system.Bless(t.Context(), m.opt, true, 2); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("of another boot: %v", err)
	}
	m.blessAt(true, 2)
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("got %v, want the count gone", err)
	}
}

// TestBlessBadKeepsTheReportOfDamage: only a verification takes it back.
func TestBlessBadKeepsTheReportOfDamage(t *testing.T) {
	m := newMachine(t, 2)
	testutil.Tree{".moss/boot/failed/2": "reason: verify: harm\n"}.Create(t, m.root)
	for _, good := range []bool{false, true} {
		m.blessAt(good, 2)
		if m.mark(2) != "reason: verify: harm\n" {
			t.Errorf("good %v: got %q", good, m.mark(2))
		}
	}
}

// secondKernel gives a state an entry for another kernel; both are counted.
func (m machine) secondKernel(id state.ID, version string) {
	m.t.Helper()
	m.count(id, "+2-1")
	name := id.String() + "-" + kernel + "_+2-1"
	text := strings.ReplaceAll(testutil.Read(m.t, m.entry(name)), kernel, version)
	testutil.Tree{filepath.Base(m.entry(id.String() + "-" + version + "_+2-1")): text}.Create(m.t, filepath.Join(m.root, "efi/loader/entries"))
}

// TestBlessOneKernel: the entry of the kernel that runs; a state is bad with all.
func TestBlessOneKernel(t *testing.T) {
	m := newMachine(t, 1)
	m.secondKernel(1, "6.99")
	m.blessAt(true, 1)
	if got, want := m.entries(), "1 1-6.99_+2-1"; got != want {
		t.Errorf("good: got %s, want %s", got, want)
	}
	m.blessAt(false, 1)
	if got, want := m.entries(), "1+0 1-6.99_+0-1"; got != want {
		t.Errorf("bad: got %s, want %s", got, want)
	}
	// A kernel that no entry is of: one of several cannot be told.
	done, err := system.BlessAt(t.Context(), m.opt, true, 1, "5.0")
	if err != nil || len(done.Notes) != 1 || m.entries() != "1+0 1-6.99_+0-1" {
		t.Errorf("another kernel: got %+v, %v, %s", done, err, m.entries())
	}
}

func TestBlessWithoutBootPartition(t *testing.T) {
	m := newMachine(t, 2)
	if err := os.RemoveAll(filepath.Join(m.root, "efi")); err != nil {
		t.Fatal(err)
	}
	done := m.blessAt(true, 1)
	if len(done.Notes) != 1 || !strings.Contains(done.Notes[0], "no boot entry was changed") || system.GoodState(m.root) != 1 {
		t.Errorf("got %+v and the last good state %d", done, system.GoodState(m.root))
	}
	if m.blessAt(false, 2); !strings.Contains(m.mark(2), "by hand") {
		t.Errorf("got the mark %q", m.mark(2))
	}
}

// TestBlessWhereTheEntryCannotBeChanged: the record is made, and the rest is an
// error that says how to go on.
func TestBlessWhereTheEntryCannotBeChanged(t *testing.T) {
	m := newMachine(t, 2)
	m.count(2, "+2-1")
	if err := os.MkdirAll(filepath.Join(m.entry("2-"+kernel+"_"), "in the way"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := system.BlessAt(t.Context(), m.opt, true, 2, kernel)
	if system.ExitCode(err) != system.ExitLate || !strings.Contains(err.Error(), "state 2 is recorded as good, but: ") || ui.Hint(err) != "mend the cause, then run: moss-boot bless good 2" {
		t.Errorf("got %v, exit code %d, hint %q", err, system.ExitCode(err), ui.Hint(err))
	}
	if system.GoodState(m.root) != 2 || !strings.Contains(m.entries(), "2+2-1") {
		t.Errorf("got the last good state %d and %s", system.GoodState(m.root), m.entries())
	}
}

// TestBlessWaits: it runs at boot, when something else may be under way. What it
// cannot know it does not guess.
func TestBlessWaits(t *testing.T) {
	m := newMachine(t, 1)
	for id, want := range map[state.ID]string{0: "cannot be told", 9: "state 9: not found"} {
		_, err := system.Bless(t.Context(), m.opt, false, id)
		if system.ExitCode(err) != 3 || !strings.Contains(err.Error(), want) || m.entries() != "1" || m.mark(id) != "" {
			t.Errorf("state %d: got %v, exit code %d and %s, want %q", id, err, system.ExitCode(err), m.entries(), want)
		}
	}
	lock, err := os.OpenFile(filepath.Join(m.root, ".moss/lock"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	waited := false
	m.opt.Log = func(line string) {
		if strings.HasPrefix(line, "waiting: ") {
			waited = true
			_ = unix.Flock(int(lock.Fd()), unix.LOCK_UN)
		}
	}
	if _, err := system.Bless(t.Context(), m.opt, true, 1); err != nil || !waited {
		t.Errorf("got %v, waited %v", err, waited)
	}
}

// bootID is this boot's.
func bootID(t *testing.T) string {
	t.Helper()
	return strings.TrimSpace(testutil.Read(t, "/proc/sys/kernel/random/boot_id"))
}

// TestBlessDropsWhatMayHavePassed: a full disk of one boot keeps no state out for
// ever, and costs it no tries; the boot after the one that failed is still straight.
func TestBlessDropsWhatMayHavePassed(t *testing.T) {
	const full = "reason: the exchange with /usr was refused: the root is full\nkernel: 6.1.0\ntime: 2026-11-22T03:30:00Z\ntree: 1-1\nboot: "
	m := newMachine(t, 4)
	m.count(3, "+2-1")
	m.write(testutil.Tree{".moss/boot/failed/3": full + bootID(t) + "\n", ".moss/boot/failed/1": "reason: no init\ntree: 1-1\n"})
	m.blessAt(true, 2)
	if _, err := system.SyncMenu(t.Context(), m.opt); err != nil {
		t.Fatal(err)
	}
	if got, want := m.entries(), "1+0 2 3+2-1 4"; got != want || m.mark(3) == "" || m.mark(1) == "" {
		t.Errorf("in the boot that failed: got %s, want %s, and the marks %q and %q", got, want, m.mark(3), m.mark(1))
	}
	m.write(testutil.Tree{".moss/boot/failed/3": full + "the boot before\n"})
	if _, err := system.Bless(t.Context(), m.opt, true, 2); err != nil || m.mark(3) == "" {
		t.Errorf("of another boot: got %v and the mark %q", err, m.mark(3))
	}
	m.blessAt(true, 2)
	if got, want := m.entries(), "1+0 2 3+2-1 4"; got != want || m.mark(3) != "" || m.mark(1) == "" {
		t.Errorf("one boot later: got %s, want %s, and the marks %q and %q", got, want, m.mark(3), m.mark(1))
	}
}

// TestRecordsOfGhosts: early boot records what an entry names, there or not.
func TestRecordsOfGhosts(t *testing.T) {
	m := newMachine(t, 2)
	text := testutil.Read(t, m.entry("1-"+kernel+"_"))
	ghost := func() {
		m.write(testutil.Tree{".moss/boot/failed/9": "reason: /.moss/root/9/usr is missing\ntree: none\n", ".moss/boot/failed/1": "reason: no init\ntree: none\n"})
	}
	ghost()
	m.write(testutil.Tree{"efi/loader/entries/" + ownPrefix + "9-" + kernel + "_.conf": strings.ReplaceAll(text, "moss.fstx=1", "moss.fstx=9")})
	if done := m.blessAt(true, 2); !done.Good {
		t.Errorf("got %+v", done)
	}
	if _, err := system.SyncMenu(t.Context(), m.opt); err != nil || m.mark(9) != "" || m.mark(1) == "" {
		t.Errorf("sync: got %v and the marks %q, %q", err, m.mark(9), m.mark(1))
	}
	ghost()
	m.opt.NoBoot = true
	if _, err := system.Prune(t.Context(), m.opt, system.Policy{States: 5}); err != nil || m.mark(9) != "" || m.mark(1) == "" {
		t.Errorf("prune: got %v and the marks %q, %q", err, m.mark(9), m.mark(1))
	}
}

// TestSecondSyncWritesNothing on the root, where each write is one of the disk.
func TestSecondSyncWritesNothing(t *testing.T) {
	m := newMachine(t, 2)
	list := filepath.Join(m.root, ".moss/boot/menu")
	var before os.FileInfo
	for range 2 {
		if _, err := system.SyncMenu(t.Context(), m.opt); err != nil {
			t.Fatal(err)
		}
		now, err := os.Stat(list)
		if err != nil {
			t.Fatal(err)
		}
		if before != nil && !os.SameFile(before, now) {
			t.Error("the list for early boot was written again")
		}
		before = now
	}
}
