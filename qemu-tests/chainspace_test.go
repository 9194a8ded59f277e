package qemutests

import (
	"slices"
	"strings"
	"testing"
)

// TestFullESP: on an ESP that is full to its last cluster a new kernel is refused
// before anything moves, a removal works, and with room made as the message says
// the install gives up no more of the menu than it must.
func TestFullESP(t *testing.T) {
	inTurn(t, 2)
	c := newChain(t)
	c.ESPSize = 64 << 20
	c.kernel("boot-b", "--without", "boot")
	c.state(nil)
	if _, err := c.Moss(t.Context(), "state", "pin", "1"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Boot(t.Context(), "boot-c", "boot-c"); err != nil {
		t.Fatal(err)
	}
	const install = "moss -y install boot-c.stone --without boot-b"
	m := c.start()
	m.up(3)
	m.must("flakey mount vfat /dev/vda1 /efi && dd if=/dev/zero of=/efi/room bs=512 count=64")
	m.fill("/efi/filler")
	if s := m.status("esp-full"); s.ESP == nil || s.ESP.Free != 0 {
		t.Errorf("status: got %+v, want nothing free", s.ESP)
	}
	before := m.must("flakey list /efi")
	said := m.refused(install)
	for _, want := range []string{"need ", "have ", "remove state 1 (", "delete files of others there"} {
		if !strings.Contains(said, want) {
			t.Errorf("%s: got %q, want it to hold %q", install, said, want)
		}
	}
	if after := m.must("flakey list /efi"); after != before {
		t.Errorf("a refused install changed the ESP from\n%s\nto\n%s", before, after)
	}
	m.is("the live state after a refused install", "cat /usr/.stateID", "3")

	m.must("moss -y state remove 2")
	m.shows(3, 1)
	// Room for an entry; for another kernel there is only with state 1 gone.
	m.must("rm /efi/room && moss -y remove mark-3")
	m.shows(4, 3, 1)
	m.must("moss state unpin 1 && " + install)
	m.shows(5, 4, 3)
	m.must("flakey unmount /efi")
	m.reboot()
	m.up(5)
	m.report(report{Wanted: 5, Activated: 5})
	m.contains("nothing to do", "moss-boot sync", "matches the states")
	m.powerOff()
	if err := c.view().ESP.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// kernel adds a state with another kernel of the same size.
func (c *chain) kernel(name string, words ...string) {
	c.t.Helper()
	stone, err := c.Boot(c.t.Context(), name, name)
	if err != nil {
		c.t.Fatal(err)
	}
	c.state(nil, append([]string{stone}, words...)...)
}

// fill takes the last cluster of a file system. The kernel fills a page of a file
// or none of it: the second file is written by clusters.
func (m *machine) fill(name string) {
	m.t.Helper()
	out, _ := m.try("cat /dev/zero > " + name + "; dd if=/dev/zero of=" + name + "-2 bs=512; sync")
	if strings.Count(out, "No space left") != 2 {
		m.t.Fatalf("fill %s: got %q", name, out)
	}
	m.is("it is full", "stat -f -c %f /efi", "0")
}

// shows compares the states in the menu.
func (m *machine) shows(want ...int) {
	m.t.Helper()
	if got := m.menu().states(); !slices.Equal(got, want) {
		m.t.Errorf("the menu: got states %v, want %v", got, want)
	}
}
