package qemutests

import (
	"fmt"
	"os"
	"testing"

	"moss/qemu-tests/world"
)

// TestTwentyBoots: two states take turns at being /usr, and both are after it, to
// every byte, owner, mode and attribute, what they were before.
func TestTwentyBoots(t *testing.T) {
	inTurn(t, 2)
	w, err := world.New(os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	flakey, err := w.Flakey(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	b := &broken{t: t, disk: newDisk(t)}
	edit(t, b.disk, "write "+flakey+" /flakey",
		"ea_set /.moss/root/2/usr/share/mark2 user.moss kept", "sif /.moss/root/1/usr/share/mark1 gid 1234", "sif /.moss/root/1/usr/share/mark1 mode 0102640")
	entries := map[int]func() (*world.Waiting, error){}
	for state := 1; state <= 2; state++ {
		entries[state] = waits(t, shared.initrds[plainImage], fmt.Sprintf("rw moss.fstx=%d root=PARTUUID=%s", state, world.RootGUID))
	}
	seen := map[int]string{}
	for n := range 20 {
		state := n%2 + 1
		b.w = entries[state]
		m := b.start()
		if s := m.look(state); s.report.Activated != state || s.report.Fallback || s.archive != fmt.Sprintf("%d 3", 3-state) {
			t.Fatalf("boot %d: got %+v, want state %d", n+1, s, state)
		}
		if n == 0 || n == 19 {
			sums := map[int]string{state: m.must("/flakey tree /usr"), 3 - state: m.must(fmt.Sprintf("/flakey tree /.moss/root/%d/usr", 3-state))}
			for of, sum := range sums {
				if n > 0 && sum != seen[of] {
					t.Errorf("the tree of state %d: got %s, want %s as at the beginning", of, sum, seen[of])
				}
			}
			seen = sums
		}
		m.powerOff()
	}
	if seen[1] == seen[2] {
		t.Errorf("both trees are %s: nothing was told apart", seen[1])
	}
}
