package system_test

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"moss/bootloader"
	"moss/bootloader/efivar"
	"moss/internal/system"
	"moss/internal/testutil"
	"moss/store/state"
)

// The tests of this file are named after what people lose their evenings to.

// TestPain05ABadDefaultGivesWay: a chosen state that used up its tries, or that
// is marked bad, is not what the loader starts; status says so with the reason.
func TestPain05ABadDefaultGivesWay(t *testing.T) {
	m := newMachine(t, 3)
	m.setDefault(1)
	m.count(1, "+0-3")
	if got := m.usual(); got != 3 {
		t.Errorf("its tries used up: got state %d, want 3", got)
	}
	m.blessAt(true, 3)
	m.setDefault(2)
	if done := m.blessAt(false, 2); !strings.Contains(done.Next, "state 3 ") || m.usual() != 3 {
		t.Errorf("marked bad: got %+v and state %d", done, m.usual())
	}
	if m.blessAt(true, 2); m.usual() != 3 {
		t.Errorf("good again: got state %d, want the old choice forgotten", m.usual())
	}
	m.blessAt(false, 2)
	st, err := system.ReadStatus(m.opt)
	if err != nil || len(st.Bad) != 2 || st.Bad[0] != (system.Bad{State: 1, Reason: "3 boots, none was blessed"}) || st.Bad[1].State != 2 {
		t.Errorf("got %+v, %v", st.Bad, err)
	}
}

// TestPain06CountedEntriesAreChosenByNumber: whatever the name is at the moment.
func TestPain06CountedEntriesAreChosenByNumber(t *testing.T) {
	m := newMachine(t, 2)
	for _, counter := range []string{"", "+3", "+2-1", "+1-2"} {
		m.count(1, counter)
		if done := m.setDefault(1); done.Next.State != 1 || m.entries() != "1"+counter+" 2" {
			t.Errorf("default, %q: got %+v and %s", counter, done, m.entries())
		}
		if done, err := system.SetOneShot(t.Context(), m.opt, 1); err != nil || done.Next.State != 1 {
			t.Errorf("one-shot, %q: got %+v, %v", counter, done, err)
		}
	}
}

// TestPain07AStaleDefaultVariable: "d" in the loader's menu, long ago. A choice
// is what the loader starts, and is refused with the variable's name when the
// firmware does not let go of it.
func TestPain07AStaleDefaultVariable(t *testing.T) {
	m := newMachine(t, 3)
	for _, stale := range []string{bootloader.Pattern("0123456789ab", 1), ownPrefix + "1-" + kernel + "_.conf", ownPrefix + "77-6.0_.conf"} {
		m.set("LoaderEntryDefault", stale)
		if done := m.setDefault(2); done.Next.State != 2 || m.variable("LoaderEntryDefault") != "" {
			t.Errorf("%s: got %+v and the variable %q", stale, done, m.variable("LoaderEntryDefault"))
		}
		m.set("LoaderEntryDefault", stale)
		if done, err := system.ClearDefault(t.Context(), m.opt); err != nil || done.Next.State != 3 || m.variable("LoaderEntryDefault") != "" {
			t.Errorf("%s, clear: got %+v, %v and the variable %q", stale, done, err, m.variable("LoaderEntryDefault"))
		}
	}
	m.set("LoaderEntryDefault", bootloader.Pattern("0123456789ab", 2))
	m.opt.Vars = stubborn{m.vars, unix.EROFS}
	if _, err := system.SetDefault(t.Context(), m.opt, 1); err == nil || !strings.Contains(err.Error(), "LoaderEntryDefault") {
		t.Errorf("a variable that stays: got %v", err)
	}
}

// TestPain12FailureIsSticky: what was marked bad stays so through a sync, a new
// state and its removal, with its reason, until somebody says that it is good.
func TestPain12FailureIsSticky(t *testing.T) {
	m := newMachine(t, 2)
	m.blessAt(false, 2)
	later := base()
	later.Version = "9"
	sticks := func(what string, err error) {
		t.Helper()
		if got := m.entries(); err != nil || !strings.Contains(got, "2+0") || !strings.Contains(m.mark(2), "by hand") {
			t.Errorf("%s: got %v, %s and the mark %q", what, err, got, m.mark(2))
		}
	}
	sticks("a sync", second(system.SyncMenu(t.Context(), m.opt)))
	install(t, m.opt, later)
	sticks("a new state", nil)
	sticks("another state", second(system.Activate(t.Context(), m.opt, 1)))
	sticks("a removal", second(system.RemoveStates(t.Context(), m.opt, []state.ID{3})))
	one, err := system.OneState(m.opt, 2)
	if err != nil || !strings.Contains(one.Failed, "marked bad by hand") {
		t.Errorf("got %+v, %v", one, err)
	}
	if m.blessAt(true, 2); m.mark(2) != "" || strings.Contains(m.entries(), "2+0") {
		t.Errorf("blessed: got %s and the mark %q", m.entries(), m.mark(2))
	}
}

// TestPain15WhatBootedIsNotReadFromVariables: after kexec or soft-reboot they
// tell of the boot before; without any, or damaged, the same is done.
func TestPain15WhatBootedIsNotReadFromVariables(t *testing.T) {
	booted := newMachine(t, 2)
	for _, c := range []struct {
		what string
		set  func(m *machine)
	}{
		{"stale", func(m *machine) {
			m.set("LoaderBootCountPath", `\loader\entries\`+ownPrefix+"1-"+kernel+"_+2-1.conf")
			m.set("LoaderEntrySelected", ownPrefix+"1-"+kernel+"_+3.conf")
		}},
		{"none", func(m *machine) { m.opt.Vars = nil }},
		{"read-only", func(m *machine) { m.opt.Vars = stubborn{m.vars, unix.EROFS} }},
		{"damaged", func(m *machine) { m.set("LoaderBootCountPath", `x\..\+\0`) }},
	} {
		m := booted
		m.count(1, "+2-1")
		m.count(2, "+2-1")
		m.vars = &efivar.Memory{}
		m.opt.Vars = m.vars
		c.set(&m)
		done := m.blessAt(true, 2)
		if got, want := m.entries(), "1+2-1 2"; got != want || len(done.Notes) != 0 {
			t.Errorf("%s: got %s and %+v, want %s", c.what, got, done, want)
		}
	}
}

// TestPain15TheHintDecidesBetweenKernels: only where the running kernel's name is
// no entry's, and only among entries of the booted state.
func TestPain15TheHintDecidesBetweenKernels(t *testing.T) {
	m := newMachine(t, 2)
	m.secondKernel(2, "6.99")
	m.set("LoaderBootCountPath", `\loader\entries\`+ownPrefix+"2-6.99_+2-1.conf")
	if m.blessAt(true, 2); m.entries() != "1 2 2-6.99_+2-1" {
		t.Errorf("the kernel is known: got %s", m.entries())
	}
	m.count(2, "+2-1")
	if _, err := system.BlessAt(t.Context(), m.opt, true, 2, "unknown"); err != nil || m.entries() != "1 2+2-1 2-6.99_" {
		t.Errorf("got %v and %s", err, m.entries())
	}
	m.set("LoaderBootCountPath", `\loader\entries\`+ownPrefix+"1-"+kernel+"_+2-1.conf")
	done, err := system.BlessAt(t.Context(), m.opt, true, 2, "unknown")
	if err != nil || len(done.Notes) != 1 || m.entries() != "1 2+2-1 2-6.99_" {
		t.Errorf("a hint of another state: got %v, %+v and %s", err, done, m.entries())
	}
}

// TestPain12EarlyBootsRefusalMovesTheDefault: what early boot refused is not
// tried again, neither after a bless nor after a sync, until somebody chooses it.
func TestPain12EarlyBootsRefusalMovesTheDefault(t *testing.T) {
	for name, do := range map[string]func(m machine) error{
		"bless": func(m machine) error { m.blessAt(true, 2); return nil },
		"sync":  func(m machine) error { return second(system.SyncMenu(t.Context(), m.opt)) },
	} {
		m := newMachine(t, 3)
		if _, err := system.Activate(t.Context(), m.opt, 2); err != nil {
			t.Fatal(err)
		}
		if err := second(system.ClearDefault(t.Context(), m.opt)); err != nil {
			t.Fatal(err)
		}
		testutil.Tree{".moss/boot/failed/3": "reason: no init\nkernel: 6\n"}.Create(t, m.opt.Root)
		if err := do(m); err != nil || m.usual() != 2 || !strings.Contains(m.entries(), "3+0") {
			t.Errorf("%s: %v: got the default %d and %s, want 2 and state 3 bad", name, err, m.usual(), m.entries())
		}
		before := m.entries()
		if synced, err := system.SyncMenu(t.Context(), m.opt); err != nil || len(synced.Steps) > 0 || m.entries() != before {
			t.Errorf("%s, then a sync: got %q, %v", name, synced.Steps, err)
		}
		if _, err := system.Activate(t.Context(), m.opt, 3); err != nil || m.usual() != 3 || m.mark(3) != "" {
			t.Errorf("%s, then chosen: %v: got the default %d, the mark %q", name, err, m.usual(), m.mark(3))
		}
	}
}
