// Package qemutests boots machines: each promise about a boot is kept in front
// of a real kernel, with real file systems and, where the loader matters, the
// real loader.
package qemutests

import (
	"os/exec"
	"strings"
	"testing"
)

// TestSameEntryTwice: the exchange is not idempotent by itself; a second boot of
// the same entry must not bring the other state back.
func TestSameEntryTwice(t *testing.T) {
	inTurn(t, short)
	d := newDisk(t)
	for range 3 {
		m := boot(t, d, "moss.fstx=1")
		m.report(report{Wanted: 1, Activated: 1})
		m.is("state 1 is live", "cat /usr/.stateID /usr/share/mark1", "11")
		m.is("archive", "ls -A /.moss/root", "2\n3")
		m.is("what was live is archived under its own number", "cat /.moss/root/3/usr/.stateID", "3")
		m.powerOff()
	}
}

func TestBrokenNewestState(t *testing.T) {
	inTurn(t, short)
	m := boot(t, newDisk(t), "moss.fstx=3")
	m.report(report{Wanted: 3, Activated: 2, Fallback: true})
	m.is("state 2 is live", "cat /usr/.stateID", "2")
	m.contains("the failure is recorded with its reason", "cat /.moss/boot/failed/3", "reason: ")
	m.powerOff()
	m = boot(t, m.disk, "moss.fstx=3 moss.fallback=on")
	m.report(report{Wanted: 3, Activated: 2, Fallback: true})
	m.is("still state 2", "cat /usr/.stateID", "2")
	m.is("archive", "ls -A /.moss/root", "1\n3")
	m.powerOff()

	// The entry of the state that is live: nothing to do, nothing moves.
	m = boot(t, m.disk, "moss.fstx=2")
	m.report(report{Wanted: 2, Activated: 2})
	m.is("state 2 is live", "cat /usr/.stateID", "2")
	m.is("archive", "ls -A /.moss/root", "1\n3")
}

func TestWantedTreeMissing(t *testing.T) {
	inTurn(t, short)
	for name, wanted := range map[string]string{"never there": "7", "not a number": "seven"} {
		t.Run(name, func(t *testing.T) {
			m := boot(t, newDisk(t), "moss.fstx="+wanted)
			m.contains("the fallback is told", "cat /run/moss/boot.json", `"fallback":true`)
			m.is("the newest state that boots", "cat /usr/.stateID", "2")
		})
	}
}

// TestPowerCutInActivation cuts the power for real at each step of an activation: the
// guest stops at a named point, its machine is killed, and the next boot has to
// find its way with what is on the disk.
func TestPowerCutInActivation(t *testing.T) {
	inTurn(t, 2)
	for _, point := range []string{"activate/exchanging", "activate/exchanged", "activate/renamed"} {
		t.Run(strings.ReplaceAll(point, "/", "-"), func(t *testing.T) {
			d := newDisk(t)
			cut(t, d, "moss.fstx=1", point)
			m := boot(t, d, "moss.fstx=1")
			m.report(report{Wanted: 1, Activated: 1})
			m.is("state 1 is live", "cat /usr/.stateID", "1")
			m.is("every folder has its tree's name", "cd /.moss/root && for n in *; do echo $n $(cat $n/usr/.stateID); done", "2 2\n3 3")
			m.powerOff()
			m = boot(t, d, "moss.fstx=2")
			m.report(report{Wanted: 2, Activated: 2})
		})
	}
}

// TestDemo runs the demo, which is the chain with the real firmware and the real
// loader: it checks every line that it says, and ends with an error at the first
// that is not so.
func TestDemo(t *testing.T) {
	inTurn(t, 3)
	cmd := exec.CommandContext(t.Context(), "go", "run", "./demo")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("\n%s", out)
	for _, line := range []string{
		"ok: state 3 was asked for, state 2 was booted, in the same boot",
		"ok: state 1 was asked for and booted",
		"All of it happened",
	} {
		if !strings.Contains(string(out), line) {
			t.Errorf("the demo did not say %q", line)
		}
	}
}
