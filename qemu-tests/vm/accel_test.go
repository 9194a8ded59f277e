package vm

import (
	"context"
	"os/exec"
	"testing"
	"time"
)

func TestProbeTellsWhatRuns(t *testing.T) {
	needQEMU(t)
	if err := probe(t.Context(), emulation, limit); err != nil {
		t.Errorf("emulation: got %v, want it to pass", err)
	}
	if err := probe(t.Context(), "steam", limit); err == nil {
		t.Error("an accelerator that does not exist: got nil, want an error")
	}
	if err := probe(t.Context(), emulation, time.Microsecond); err == nil {
		t.Error("out of time: got nil, want an error")
	}
}

func TestAccelIsUsable(t *testing.T) {
	needQEMU(t)
	start := time.Now()
	accel := Accel(t.Context())
	if took := time.Since(start); accel != "kvm" && took > 5*probeLimit {
		t.Errorf("refusing KVM took %v, want about %v", took, probeLimit)
	}
	if err := probe(t.Context(), accel, limit); err != nil {
		t.Errorf("got %s, which does not run: %v", accel, err)
	}
}

func TestProbeResult(t *testing.T) {
	for status, pass := range map[string]bool{"exit 85": true, "exit 0": false, "exit 1": false, "kill -9 $$": false} {
		err := probeResult(exec.CommandContext(context.Background(), "sh", "-c", status).Run(), "test")
		if (err == nil) != pass {
			t.Errorf("%s: got %v, want pass %v", status, err, pass)
		}
	}
}
