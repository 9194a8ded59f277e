package qemutests

import (
	"strings"
	"testing"

	"moss/qemu-tests/world"
)

// TestUsrMergeByUnit boots an un-merged Debian with its own initramfs, which knows
// nothing of the merge: systemd starts un-merged, and the unit merges beneath it.
func TestUsrMergeByUnit(t *testing.T) {
	inTurn(t, 3)
	m := newUnmerged(t, "ext4", world.Unit)
	m.bootWith(otherInitrd(t, world.InitramfsTools), "")
	m.expect("moss: usr-merge: the top folders move into /usr; it is safe to switch off at any moment")
	m.login()
	m.linked()
	m.reported("merged")
	m.sound()
	m.is("the unit", "systemctl is-active moss-usr-merge.service", "active")
	m.is("early boot had no part in it", "ls /run/moss/boot.json 2>/dev/null", "")
	if out := m.must("moss usr-merge run --boot"); strings.TrimSpace(out) != "" {
		t.Errorf("the next run says: %s", out)
	}
	m.contains("its status", "moss usr-merge status", "merged")
	m.stop()
	m.same(nil, m.outside("paths", before, "/"))
}
