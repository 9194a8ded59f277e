package vm

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// A wait that ends by its limit says where the processors stand; that is all
// there is to learn from a machine that prints nothing.
func TestSilentMachineSaysWhereItsProcessorsStand(t *testing.T) {
	m := start(t, Config{Disks: []Disk{{Path: guestDisk(t)}}, CPUs: 2})
	must(t, m.Expect("ready> ", limit))
	err := m.Expect("what nobody prints", time.Second)
	var wait *WaitError
	if !errors.As(err, &wait) || !wait.Timeout() {
		t.Fatalf("got %v, want a time limit", err)
	}
	for _, want := range []string{"CPU#0", "CPU#1", "IP=", "HLT="} {
		if !strings.Contains(wait.Last, want) {
			t.Errorf("the error ends with:\n%s\nwant %s in it", wait.Last, want)
		}
	}
}
