package qemutests

import (
	"strings"
	"testing"

	"moss/qemu-tests/world"
)

// TestPowerCutInFallback cuts the power at each point at which early boot writes,
// or has written: the next boot of the same entry ends in the same good state, and
// what the cut left is put right.
func TestPowerCutInFallback(t *testing.T) {
	alongside(t)
	const words = "rw moss.fstx=2 root=PARTUUID=" + world.RootGUID
	w := waits(t, shared.initrds[plainImage], words)
	for _, tt := range []struct {
		point string
		flaw  world.Flaw
	}{
		{"early/failed", world.FlawNamed("init missing")},
		{"activate/exchanged", world.FlawNamed("init missing")},
		{"activate/renamed", world.FlawNamed("init missing")},
		{"activate/mending", world.FlawNamed("misnamed")},
		{"early/root-links", world.FlawNamed("misnamed")},
		{"early/forgive", world.Mended()},
		{"early/settled", world.Mended()},
		{"early/switch-root", world.Mended()},
	} {
		t.Run(tt.point, func(t *testing.T) {
			inTurn(t, short)
			b := breaks(t, w, tt.flaw)
			cut(t, b.disk, strings.TrimPrefix(words, "rw "), tt.point)
			s := b.next(tt.flaw.Reason)
			if tt.flaw.Name == world.Mended().Name && s.attempts != "" {
				t.Errorf("restarts are still counted: %s", s.attempts)
			}
		})
	}
}

// next is a boot after a cut: to state 1 because state 2 has a flaw, or to state 2
// with nothing against it.
func (b *broken) next(reason string) seen {
	b.t.Helper()
	if reason == "" {
		return b.boots()
	}
	m := b.start()
	s := m.look(1)
	if r := s.report; r.Wanted != 2 || r.Activated != 1 || !r.Fallback || !strings.Contains(r.Reason, reason) || s.archive != "2 3" {
		b.t.Errorf("got %+v, want state 1 instead of 2 for %q, and 2 and 3 archived", s, reason)
	}
	if !strings.Contains(s.record, "reason: /") || !strings.Contains(s.record, reason) {
		b.t.Errorf("the record does not say %q:\n%s", reason, s.record)
	}
	return s
}
