package usrmerge

import (
	"math"
	"math/rand/v2"
	"testing"

	"moss/internal/testutil"
)

const simulateSeed = 20240229

// TestAMillionMachinesMatchTheThreshold: within 0.2 % of all machines, for each of
// the 257 thresholds.
func TestAMillionMachinesMatchTheThreshold(t *testing.T) {
	machines := 1_000_000
	if testing.Short() {
		machines = 250_000
	}
	s, err := Simulate(machines, rand.New(rand.NewPCG(simulateSeed, 1)))
	if err != nil {
		t.Fatal(err)
	}
	worst := 0.0
	for threshold, merged := range s.Merged {
		off := math.Abs(float64(merged)/float64(machines) - float64(threshold)/Everyone)
		worst = max(worst, off)
		if off > 0.002 {
			t.Errorf("rollout=%d: %d of %d machines, %.3f %% off", threshold, merged, machines, 100*off)
		}
	}
	if s.Merged[0] != 0 || s.Merged[Everyone] != machines {
		t.Errorf("rollout=0 takes %d, rollout=256 takes %d of %d", s.Merged[0], s.Merged[Everyone], machines)
	}
	t.Logf("figure: at most %.3f %% off", 100*worst)
}

// TestTheSimulationIsWhatMachinesDo compares it with the whole gate.
func TestTheSimulationIsWhatMachinesDo(t *testing.T) {
	root := unmerged(t, nil)
	counted, machines := map[string]int{}, 40
	for _, threshold := range []string{"0", "26", "128", "255", "256"} {
		testutil.Tree{VendorConfig: "rollout=" + threshold + "\n"}.Create(t, root)
		random := rand.New(rand.NewPCG(simulateSeed, 2))
		for range machines {
			testutil.Tree{"etc/machine-id": randomID(random)}.Create(t, root)
			if decide(t, root, "").Merge {
				counted[threshold]++
			}
		}
	}
	s, err := Simulate(machines, rand.New(rand.NewPCG(simulateSeed, 2)))
	if err != nil {
		t.Fatal(err)
	}
	for text, threshold := range map[string]int{"0": 0, "26": 26, "128": 128, "255": 255, "256": 256} {
		if counted[text] != s.Merged[threshold] {
			t.Errorf("rollout=%s: %d machines merged, the simulation says %d", text, counted[text], s.Merged[threshold])
		}
	}
}
