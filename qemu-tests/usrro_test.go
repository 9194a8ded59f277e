package qemutests

import (
	"testing"

	"moss/qemu-tests/vm"
)

// TestReadOnlyUsr: with moss.usr=ro nobody writes below /usr, and a transaction on
// the running system works all the same.
func TestReadOnlyUsr(t *testing.T) {
	inTurn(t, short)
	c := newCuts(t)
	m := bootLab(t, "moss.fstx=1 moss.usr=ro", vm.Config{Disks: []vm.Disk{{Path: c.disk}}})
	refused := func() {
		t.Helper()
		if out, status := m.try("touch /usr/written 2>&1"); status == 0 {
			t.Errorf("/usr was written: %s", out)
		}
		m.contains("the bind", "cat /proc/mounts", " /usr ext4 ro,")
	}
	refused()
	m.must("moss -y install --no-boot note-1.stone")
	m.is("the new state is live", "cat /usr/.stateID", "2")
	refused()
}
