package qemutests

import (
	"fmt"
	"strings"
	"testing"

	"moss/qemu-tests/world"
)

// TestExchangeRefused: no tree can be exchanged in one boot, whatever the kernel says,
// so the live state boots; the next boot does not try the wanted one again.
func TestExchangeRefused(t *testing.T) {
	alongside(t)
	const words = "moss.fstx=2 root=PARTUUID=" + world.RootGUID
	w := waits(t, shared.initrds[plainImage], "rw "+words)
	for _, refusal := range world.Refusals() {
		t.Run(refusal.Name, func(t *testing.T) {
			inTurn(t, short)
			b := breaks(t, w, world.LiveBoots())
			m := start(t, b.disk, words+" MOSS_FAULT="+refusal.Fault(), faultImage)
			first := m.stays(2, refusal.Reason)
			m.stop()
			again := b.falls("failed before (")
			if first != again.record {
				t.Errorf("the record changed from boot to boot:\n%s\n%s", first, again.record)
			}
		})
	}
}

// stays waits for the live state, which had to do, and gives the record of the wanted
// one.
func (m *machine) stays(wanted int, reason string) (record string) {
	m.t.Helper()
	m.expect(fmt.Sprintf("moss-init: state 3 activated (wanted %d: %s", wanted, reason))
	s := m.look(3)
	r := s.report
	if r.Wanted != wanted || r.Activated != 3 || !r.Fallback || r.Step != 3 || r.Reason != reason || len(r.Failed) == 0 || r.Failed[0].State != wanted || r.Failed[0].Reason != reason {
		m.t.Errorf("boot.json: got %+v, want state 3 instead of %d for %q", r, wanted, reason)
	}
	record = m.run(fmt.Sprintf("cat /.moss/boot/failed/%d", wanted)) + "\n"
	if !strings.Contains(record, "reason: "+reason+"\n") {
		m.t.Errorf("the record does not say %q:\n%s", reason, record)
	}
	return record
}
