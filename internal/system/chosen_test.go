package system_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moss/bootloader"
	"moss/internal/system"
	"moss/internal/testutil"
	"moss/internal/ui"
	"moss/store/state"
)

// write puts files below the root.
func (m machine) write(files testutil.Tree) {
	m.t.Helper()
	files.Create(m.t, m.root)
}

func (m machine) activate(id state.ID) {
	m.t.Helper()
	if _, err := system.Activate(m.t.Context(), m.opt, id); err != nil {
		m.t.Fatal(err)
	}
}

// sabotage lets whatever follows the menu fail, until it is taken back.
func (m machine) sabotage() (takeBack func()) {
	m.t.Helper()
	path := filepath.Join(m.root, ".moss/boot/pending")
	if err := os.RemoveAll(path); err != nil {
		m.t.Fatal(err)
	}
	m.write(testutil.Tree{".moss/boot/pending/in the way": ""})
	return func() {
		if err := os.RemoveAll(path); err != nil {
			m.t.Fatal(err)
		}
	}
}

const damage = "reason: verify: bin/x is damaged\n"

// TestForcedChoiceOfTheNewest: what is damaged is not offered, unless it is
// chosen in spite of that. The choice outlives the next sync, and early boot, which
// reads the marks, honours it.
func TestForcedChoiceOfTheNewest(t *testing.T) {
	for name, choose := range map[string]func(m machine) error{
		"activate":    func(m machine) error { return second(system.Activate(t.Context(), m.opt, 3)) },
		"set-default": func(m machine) error { return second(system.SetDefault(t.Context(), m.opt, 3)) },
	} {
		m := newMachine(t, 3)
		m.activate(2)
		m.write(testutil.Tree{".moss/boot/failed/3": damage})
		if _, err := system.SyncMenu(t.Context(), m.opt); err != nil || m.entries() != "1 2" {
			t.Fatalf("got %v and %s, want state 3 gone", err, m.entries())
		}
		m.opt.Force = true
		if err := choose(m); err != nil || m.usual() != 3 || m.mark(3) != "" {
			t.Errorf("%s: got %v, the default %d and the mark %q", name, err, m.usual(), m.mark(3))
		}
		m.opt.Force = false
		if _, err := system.SyncMenu(t.Context(), m.opt); err != nil || m.usual() != 3 || m.entries() != "1 2 3" {
			t.Errorf("%s: after a sync: got %v, the default %d and %s", name, err, m.usual(), m.entries())
		}
	}
}

// TestFailedActivationLeavesTheBadBad: neither the mark nor the used up tries are
// forgotten by an activation that does not come about.
func TestFailedActivationLeavesTheBadBad(t *testing.T) {
	m := newMachine(t, 4)
	m.write(testutil.Tree{"etc/moss/moss.yaml": "tries: 3\n"})
	m.activate(1)
	m.blessAt(false, 4)
	m.count(3, "+0-3")
	mend := m.sabotage()
	for id, why := range map[state.ID]string{4: "by hand", 3: "none was blessed"} {
		if _, err := system.Activate(t.Context(), m.opt, id); err == nil || live(t, m.root) != 1 {
			t.Fatalf("state %d: got %v and state %d live", id, err, live(t, m.root))
		}
		if m.usual() != 1 || !strings.Contains(m.mark(id), why) || !strings.Contains(m.entries(), id.String()+"+0") {
			t.Errorf("state %d: got the default %d, %s and the mark %q", id, m.usual(), m.entries(), m.mark(id))
		}
	}
	mend()
	for _, id := range []state.ID{3, 4} {
		if m.activate(id); m.usual() != uint64(id) || m.mark(id) != "" || !strings.Contains(m.entries(), id.String()+"+3") {
			t.Errorf("state %d: got the default %d, %s and the mark %q", id, m.usual(), m.entries(), m.mark(id))
		}
	}
}

// TestAnotherChanceIsCounted: a state that failed is not started for ever.
func TestAnotherChanceIsCounted(t *testing.T) {
	m := newMachine(t, 2)
	m.write(testutil.Tree{"etc/moss/moss.yaml": "tries: 3\n"})
	m.count(1, "+0-3")
	m.opt.Force = true
	if m.setDefault(1); m.entries() != "1+3 2" || m.usual() != 1 {
		t.Errorf("got %s and the default %d", m.entries(), m.usual())
	}
}

// TestTwoSystemsWithOneMachineID share a boot partition: neither touches what the
// other has there.
func TestTwoSystemsWithOneMachineID(t *testing.T) {
	m := newMachine(t, 1)
	before := testutil.List(t, filepath.Join(m.root, "efi/loader/entries"))
	clone := options(newRoot(t))
	clone.ESP = filepath.Join(m.root, "efi")
	planned, err := system.PlanMenu(t.Context(), clone)
	if err == nil && len(planned.Steps) > 0 {
		t.Errorf("an empty clone would change the menu: %q", planned.Steps)
	}
	install(t, clone, base())
	if _, err := system.SyncMenu(t.Context(), clone); err != nil {
		t.Fatal(err)
	}
	after := testutil.List(t, filepath.Join(m.root, "efi/loader/entries"))
	for _, line := range before {
		if !slices.Contains(after, line) {
			t.Errorf("%s is gone or changed", line)
		}
	}
	if len(after) != len(before)+1 {
		t.Errorf("got %q, want an entry more than %q", after, before)
	}
	if _, err := system.SyncMenu(t.Context(), m.opt); err != nil || len(testutil.List(t, filepath.Join(m.root, "efi/loader/entries"))) != len(after) {
		t.Errorf("the first system's sync: %v", err)
	}
}

// TestOneShotOutlivesAnInstall: what the next boot is to start stays in the menu.
func TestOneShotOutlivesAnInstall(t *testing.T) {
	m := newMachine(t, 2)
	m.write(testutil.Tree{"etc/moss/moss.yaml": "menu: 1\n"})
	if _, err := system.SetOneShot(t.Context(), m.opt, 1); err != nil {
		t.Fatal(err)
	}
	later := base()
	later.Version = "9"
	install(t, m.opt, later)
	if menu, err := system.ReadMenu(m.opt); err != nil || menu.OneShot == nil || *menu.OneShot != 1 || m.entries() != "1 3" {
		t.Errorf("got %+v, %v and %s", menu, err, m.entries())
	}
}

// TestDefaultOutlivesARepair: a choice holds against a newer state that was bad
// when it was made.
func TestDefaultOutlivesARepair(t *testing.T) {
	m := newMachine(t, 3)
	m.activate(1)
	m.write(testutil.Tree{".moss/boot/failed/3": damage})
	m.setDefault(2)
	if err := os.Remove(filepath.Join(m.root, ".moss/boot/failed/3")); err != nil {
		t.Fatal(err)
	}
	if _, err := system.SyncMenu(t.Context(), m.opt); err != nil || m.usual() != 2 || m.entries() != "1 2 3" {
		t.Errorf("got %v, the default %d and %s", err, m.usual(), m.entries())
	}
}

// TestFailedChangeKeepsTheChoiceOfTheLoadersMenu: made with its "d" key.
func TestFailedChangeKeepsTheChoiceOfTheLoadersMenu(t *testing.T) {
	m := newMachine(t, 2)
	m.set("LoaderEntryDefault", bootloader.Pattern("0123456789ab", 1))
	m.sabotage()
	later := base()
	later.Version = "9"
	if _, err := system.Transact(t.Context(), m.opt, system.Change{Stones: write(t, later)}); err == nil {
		t.Fatal("it did not fail")
	}
	if m.usual() != 1 || m.entries() != "1 2" {
		t.Errorf("got the default %d and %s", m.usual(), m.entries())
	}
}

// TestBadIsPartOfThePlan: a dry run says what a sync does about a state that
// failed, and an entry that has to be made anew is not tried again.
func TestBadIsPartOfThePlan(t *testing.T) {
	m := newMachine(t, 3)
	m.count(2, "+0-3")
	m.write(testutil.Tree{"etc/moss/moss.yaml": "tries: 3\n", ".moss/boot/failed/1": "reason: no init\n"})
	planned, err := system.PlanMenu(t.Context(), m.opt)
	if err != nil || !strings.Contains(strings.Join(planned.Steps, "\n"), "state 1") || m.mark(2) != "" {
		t.Errorf("got %q, %v and the mark %q", planned.Steps, err, m.mark(2))
	}
	done, err := system.SyncMenu(t.Context(), m.opt)
	if err != nil || !slices.Equal(done.Steps, planned.Steps) || m.entries() != "1+0 2+0-3 3" || !strings.Contains(m.mark(2), "3 boots") {
		t.Errorf("got %q, %v, %s and the mark %q", done.Steps, err, m.entries(), m.mark(2))
	}
	m.write(testutil.Tree{"etc/kernel/cmdline.d/50-new.cmdline": "quiet\n"})
	if _, err := system.SyncMenu(t.Context(), m.opt); err != nil || m.usual() != 3 || !strings.HasPrefix(m.entries(), "1+0 2+0") {
		t.Errorf("other words: got %v, the default %d and %s", err, m.usual(), m.entries())
	}
}

// TestMenuThatWasNeverWritten: questions about it are answered, and a choice
// makes it.
func TestMenuThatWasNeverWritten(t *testing.T) {
	m := newMachine(t, 0)
	m.opt.NoBoot = true
	install(t, m.opt, base())
	m.opt.NoBoot = false
	if menu, err := system.ReadMenu(m.opt); err != nil || len(menu.Entries) != 0 {
		t.Errorf("got %+v, %v", menu, err)
	}
	refusal(t, second(system.SetOneShot(t.Context(), m.opt, 1)), "not in the boot menu")
	if m.setDefault(1); m.usual() != 1 {
		t.Errorf("got the default %d", m.usual())
	}
}

// TestNextBootIsTold when something else goes before the state.
func TestNextBootIsTold(t *testing.T) {
	m := newMachine(t, 2)
	if _, err := system.SetOneShot(t.Context(), m.opt, 1); err != nil {
		t.Fatal(err)
	}
	m.opt.NextBoot = true
	later := base()
	later.Version = "9"
	if done := install(t, m.opt, later); !strings.Contains(strings.Join(done.Notes, "\n"), "will not start state 3") {
		t.Errorf("got the notes %q", done.Notes)
	}
	if m.activate(2); m.variable("LoaderEntryOneShot") != "" || m.usual() != 2 {
		t.Errorf("activated: got the one-shot %q and the default %d", m.variable("LoaderEntryOneShot"), m.usual())
	}
}

// TestPruneKeepsTheLastGood: what came after it has yet to prove itself.
func TestPruneKeepsTheLastGood(t *testing.T) {
	m := newMachine(t, 3)
	m.blessAt(true, 1)
	done, err := system.Prune(t.Context(), m.opt, system.Policy{States: 1})
	if err != nil || !slices.Equal(done.States, []state.ID{2}) {
		t.Errorf("got %+v, %v, want state 2 gone", done, err)
	}
	if _, err := system.RemoveStates(t.Context(), m.opt, []state.ID{1}); err != nil {
		t.Errorf("by name: %v", err)
	}
	if _, err := system.SyncMenu(t.Context(), m.opt); err != nil {
		t.Errorf("the last good state is gone: %v", err)
	}
}

// TestPain08TheMenuFollowsTheStates: a listed state that is removed leaves the
// menu first, so that no entry is without a tree, and activation moves the
// default. What early boot does with an unknown moss.fstx is told where it is.
func TestPain08TheMenuFollowsTheStates(t *testing.T) {
	m := newMachine(t, 3)
	away := filepath.Join(m.root, "efi/loader/entries") + ".away"
	if err := os.Rename(strings.TrimSuffix(away, ".away"), away); err != nil {
		t.Fatal(err)
	}
	m.write(testutil.Tree{"efi/loader/entries": "in the way"})
	if _, err := system.RemoveStates(t.Context(), m.opt, []state.ID{1}); err == nil || len(ids(t, m.opt)) != 3 {
		t.Errorf("the menu cannot be written: got %v and the states %v, want all", err, ids(t, m.opt))
	}
	if err := os.Remove(strings.TrimSuffix(away, ".away")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(away, strings.TrimSuffix(away, ".away")); err != nil {
		t.Fatal(err)
	}
	if _, err := system.RemoveStates(t.Context(), m.opt, []state.ID{1}); err != nil || m.entries() != "2 3" {
		t.Errorf("got %v and %s, want states 2 and 3", err, m.entries())
	}
	if m.activate(2); m.usual() != 2 || live(t, m.root) != 2 {
		t.Errorf("activated: got the default %d and state %d live", m.usual(), live(t, m.root))
	}
}

// TestAFailedSyncSaysHowToGoOn.
func TestAFailedSyncSaysHowToGoOn(t *testing.T) {
	m := newMachine(t, 1)
	if err := os.RemoveAll(filepath.Join(m.root, "efi/loader/entries")); err != nil {
		t.Fatal(err)
	}
	m.write(testutil.Tree{"efi/loader/entries": "in the way"})
	if _, err := system.SyncMenu(t.Context(), m.opt); err == nil || !strings.Contains(ui.Hint(err), "moss-boot sync") {
		t.Errorf("got %v, hint %q", err, ui.Hint(err))
	}
}
