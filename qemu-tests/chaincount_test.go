package qemutests

import (
	"slices"
	"strings"
	"testing"

	"moss/qemu-tests/world"
)

// TestThreeFailedBoots: the loader counts down the tries of a state that dies,
// starts the one before it by itself, and what blesses there tells everybody what
// happened.
func TestThreeFailedBoots(t *testing.T) {
	inTurn(t, 2)
	c := newChain(t)
	c.state(blessed())
	failing := blessed()
	failing[world.FailPath] = nil
	c.state(failing)
	m := c.start()
	for _, counter := range []string{"+2-1", "+1-2", "+0-3"} {
		m.expect("state 3 fails")
		c.counters(map[int]string{1: "", 2: "+3", 3: counter})
		if err := m.vm.Line(""); err != nil {
			t.Fatal(err)
		}
		if err := m.vm.WaitReboot(bootLimit); err != nil {
			t.Fatal(err)
		}
	}
	m.up(2)
	c.counters(map[int]string{1: "", 2: "+2-1", 3: "+0-3"})
	m.blessedByHand()
	c.counters(map[int]string{1: "", 2: "", 3: "+0-3"})
	m.failedIsTold()

	m.reboot()
	m.up(2)
	c.counters(map[int]string{1: "", 2: "", 3: "+0-3"})
	if s := m.status("entry-bad"); s.Default != 2 || s.Booted != 2 || s.Boot.Fallback {
		t.Errorf("after the next boot: got %+v, want default and booted 2", s)
	}
}

func (m *machine) blessedByHand() {
	m.t.Helper()
	var done struct {
		State   int
		Good    bool
		Entries []string
		Failed  []struct {
			State  int
			Reason string
		}
	}
	m.ask("moss-boot bless good", &done)
	if done.State != 2 || !done.Good || len(done.Entries) != 1 || strings.Contains(done.Entries[0], "+") {
		m.t.Errorf("bless: got %+v, want state 2 good with one plain entry", done)
	}
	if len(done.Failed) != 1 || done.Failed[0].State != 3 || !strings.Contains(done.Failed[0].Reason, "3 boots") {
		m.t.Errorf("bless: got failed %+v, want state 3 after 3 boots", done.Failed)
	}
}

// failedIsTold: by the menu, by the states and by the store.
func (m *machine) failedIsTold() {
	m.t.Helper()
	all := m.menu()
	if bad := all.of(m.t, 3); !bad.Bad || bad.TriesLeft == nil || *bad.TriesLeft != 0 || *bad.TriesDone != 3 {
		m.t.Errorf("moss-boot list: got %+v, want a bad entry after 3 tries", bad)
	}
	if got := all.states(); all.Default != 2 || !slices.Equal(got, []int{2, 1, 3}) {
		m.t.Errorf("moss-boot list: got default %d, order %v, want 2, the bad one last", all.Default, got)
	}
	var states []struct {
		ID      int
		Default bool
		Failed  string
	}
	m.ask("moss state list", &states)
	for _, s := range states {
		if failed := s.ID == 3; strings.Contains(s.Failed, "3 boots") != failed || s.Default != (s.ID == 2) {
			m.t.Errorf("moss state list: got %+v, want only state 3 failed, 2 the default", s)
		}
	}
	s := m.status("entry-bad")
	if len(s.Failed) != 1 || s.Failed[0].State != 3 || s.Default != 2 || s.Next.State != 2 || s.Booted != 2 {
		m.t.Errorf("moss-boot status: got %+v, want state 3 failed, 2 booted, default and next", s)
	}
	m.contains("the store's mark", "cat /.moss/boot/failed/3", "reason: 3 boots")
}

// counters compares the counters in the names of all entries, seen from outside
// while no one writes there.
func (c *chain) counters(want map[int]string) {
	c.t.Helper()
	var names []string
	for state, counter := range want {
		names = append(names, c.entry(state)+counter+".conf")
	}
	slices.Sort(names)
	if got := entries(c.t, c.disk.Running()); !slices.Equal(got, names) {
		c.t.Errorf("entries: got %q, want %q", got, names)
	}
}
