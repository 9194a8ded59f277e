package qemutests

import (
	"slices"
	"strings"
	"testing"
)

// TestXBOOTLDR: the loader and its settings are on the ESP, entries and kernels on
// the extended boot partition. Nobody mounts either; moss finds both by their
// types, for as long as it needs them.
func TestXBOOTLDR(t *testing.T) {
	inTurn(t, short)
	c := newChain(t)
	c.state(nil)
	next, err := c.Mark(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	c.Split = true
	m := c.start()
	m.up(2)
	m.noMounts()
	if got, want := m.menu().states(), []int{2, 1}; !slices.Equal(got, want) {
		t.Errorf("the menu: got states %v, want %v", got, want)
	}
	s := m.status()
	if s.ESP == nil || s.XBOOTLDR == nil || s.ESP.PARTUUID == s.XBOOTLDR.PARTUUID || s.Menu.Matches == nil || !*s.Menu.Matches {
		t.Errorf("status: got %+v, want two partitions, and a menu that matches the states", s)
	}
	m.contains("nothing to do", "moss-boot sync", "matches the states")
	m.must("moss -y install " + strings.TrimPrefix(next, c.Dir) + " --without mark-2")
	m.noMounts()

	m.reboot()
	m.up(3)
	m.must("moss-boot set-default 2")
	m.chosen("after set-default", 2, 0)
	m.noMounts()
	m.powerOff()
	c.onXBOOTLDR()
}

// onXBOOTLDR: entries and kernels, and no settings; and all that on a file system
// that was unmounted cleanly.
func (c *chain) onXBOOTLDR() {
	c.t.Helper()
	v := c.view()
	if got := entries(c.t, v.XBOOTLDR); len(got) != 3 {
		c.t.Errorf("XBOOTLDR: got entries %q, want three", got)
	}
	for name, want := range map[string]string{"/": "loader/", "/loader": "entries/"} {
		got, err := v.XBOOTLDR.List(c.t.Context(), name)
		if err != nil || !slices.Contains(got, want) || slices.Contains(got, "loader.conf") || slices.Contains(got, "EFI/") {
			c.t.Errorf("XBOOTLDR %s: got %q, %v", name, got, err)
		}
	}
	if got, err := v.ESP.List(c.t.Context(), "/loader"); err != nil || !slices.Equal(got, []string{"loader.conf"}) {
		c.t.Errorf("ESP: got %q, %v in /loader, want loader.conf alone", got, err)
	}
	if err := v.ESP.Check(c.t.Context()); err != nil {
		c.t.Error(err)
	}
	if err := v.XBOOTLDR.Check(c.t.Context()); err != nil {
		c.t.Error(err)
	}
}
