package qemutests

import (
	"fmt"
	"strings"
	"testing"
)

// TestSetDefaultAndOneShot: what a person chooses is what the firmware's next
// starts bring, and what the loader was told behind our back is understood or
// cleared.
func TestSetDefaultAndOneShot(t *testing.T) {
	inTurn(t, 2)
	c := newChain(t)
	c.state(nil)
	c.state(nil)
	m := c.start()
	m.up(3)
	m.must("moss-boot set-default 1")
	m.chosen("after set-default", 1, 0)
	m.status("default-not-live")

	m.reboot()
	m.up(1)
	m.must("moss-boot set-oneshot 2")
	m.chosen("after set-oneshot", 1, 2)

	m.reboot()
	m.up(2)
	m.chosen("in the boot that was chosen once", 1, 0)
	m.powerOff()

	m = c.start()
	m.up(1)
	m.must("moss-boot set-oneshot 3")
	m.chosen("after another set-oneshot", 1, 3)
	m.must("moss-boot set-oneshot --clear")
	m.chosen("after set-oneshot --clear", 1, 0)
	m.must("moss-boot set-default --clear")
	m.chosen("after set-default --clear", 3, 0)
	c.staleChoice(m)
	c.adoptedChoice(m)
}

const loaderDefault = variables + "/LoaderEntryDefault-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"

// staleChoice: LoaderEntryDefault names an entry that is gone.
func (c *chain) staleChoice(m *machine) {
	c.t.Helper()
	stale := m.menu().of(c.t, 2).File
	m.must("moss -y state remove 2")
	m.pressed(stale)
	m.status("default-not-live", "setting-stale")
	var done struct{ Steps []string }
	m.ask("moss-boot sync", &done)
	if said := strings.Join(done.Steps, "\n"); len(done.Steps) != 1 || !strings.Contains(said, "LoaderEntryDefault") || !strings.Contains(said, stale) {
		c.t.Errorf("sync: got steps %q, want one that removes the variable and names the entry", done.Steps)
	}
	m.must("[ ! -e " + loaderDefault + " ]")
	m.chosen("after a stale choice", 3, 0)
}

// adoptedChoice: LoaderEntryDefault names an entry that is not the first.
func (c *chain) adoptedChoice(m *machine) {
	c.t.Helper()
	m.pressed(m.menu().of(c.t, 1).File)
	m.chosen("after the key was pressed", 1, 0)
	m.must("moss-boot sync && [ ! -e " + loaderDefault + " ]")
	m.chosen("after the sync", 1, 0)
	all := m.menu()
	if first := all.Entries[0]; first.State != 1 || !strings.HasPrefix(first.SortKey, "0-") {
		c.t.Errorf("after the sync: got %+v as the first entry, want state 1, put there by its sort key", first)
	}
	m.status()
	m.contains("a second sync has nothing to do", "moss-boot sync", "matches the states")
}

// pressed writes what the key d does at the loader's menu: the id of the entry.
func (m *machine) pressed(id string) {
	m.t.Helper()
	var text strings.Builder
	for _, b := range []byte(id + "\x00") {
		fmt.Fprintf(&text, `\%03o\000`, b)
	}
	// One write, which the shell's own printf does not promise: attributes, text.
	m.must(`/usr/bin/printf '\007\000\000\000` + text.String() + "' > " + loaderDefault)
}

// TestMenuPick: a person picks older entries at the loader's menu, one that is
// counted and one that is not.
func TestMenuPick(t *testing.T) {
	inTurn(t, short)
	c := newChain(t)
	c.state(blessed())
	c.state(nil)
	c.timeout(300)
	m := c.start()
	for _, state := range []int{2, 1} {
		m.pick(state)
		m.up(state)
		m.chosen("after a pick", 3, 0)
		c.counters(map[int]string{1: "", 2: "+2-1", 3: ""})
		if all := m.menu(); !all.of(t, state).Booted {
			t.Errorf("got %+v, want state %d booted", all, state)
		}
		if state == 2 {
			m.reboot()
		}
	}
}

func (m *machine) pick(state int) {
	m.t.Helper()
	menu, err := m.vm.Menu(bootLimit)
	if err != nil {
		m.t.Fatal(err)
	}
	at := menu.Find(fmt.Sprintf("state %d,", state))
	if at < 0 {
		m.t.Fatalf("the menu has %q: none is of state %d", menu.Titles, state)
	}
	if err := m.vm.Choose(at, bootLimit); err != nil {
		m.t.Fatal(err)
	}
}
