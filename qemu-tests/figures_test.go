package qemutests

import (
	"encoding/json"
	"slices"
	"testing"
)

// BenchmarkEarlyBoot measures, in the guest's own clock, from the start of /init
// to the switch of the root: three boots of each kind, interleaved, medians.
// One iteration is enough; run it with -benchtime 1x.
func BenchmarkEarlyBoot(b *testing.B) {
	kinds := []struct {
		name, words string
	}{{"live", "moss.fstx=2"}, {"older", "moss.fstx=1"}, {"fallback", "moss.fstx=3"}}
	took := map[string][]int{}
	for range b.N {
		for round := range 3 {
			for _, kind := range kinds {
				took[kind.name] = append(took[kind.name], measure(b, kind.name, kind.words, round))
			}
		}
	}
	for _, kind := range kinds {
		slices.Sort(took[kind.name])
		b.ReportMetric(float64(took[kind.name][len(took[kind.name])/2]), kind.name+"-ms")
	}
	b.ReportMetric(0, "ns/op")
}

// measure boots a fresh copy of the disk; for the live state once more, so that
// there is nothing to move.
func measure(b *testing.B, name, words string, round int) int {
	path := newDiskFor(b)
	m := boot(b, path, words)
	if name == "live" {
		m.powerOff()
		m = boot(b, path, words)
	}
	var got struct {
		Start int `json:"start_ms"`
		End   int `json:"end_ms"`
		Steps []struct {
			Name string
			MS   int
		}
	}
	if err := json.Unmarshal([]byte(m.run("cat /run/moss/boot.json")), &got); err != nil {
		b.Fatal(err)
	}
	m.powerOff()
	b.Logf("%s, round %d: %d ms: %v", name, round, got.End-got.Start, got.Steps)
	return got.End - got.Start
}
