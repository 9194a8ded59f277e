package qemutests

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moss/qemu-tests/vm"
	"moss/qemu-tests/world"
)

// TestFallbackByKexec: the one state that can boot needs another kernel, and no
// loader takes orders. A power cut on the way, at each point, leads back to it.
func TestFallbackByKexec(t *testing.T) {
	inTurn(t, 2)
	w, err := world.New(os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	running, err := w.Renamed(t.Context(), shared.kernel, filepath.Join(w.Build, "bin", string(faultImage)), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	path := newDisk(t)
	if err := shared.kernel.Stranded(t.Context(), path, running.Version); err != nil {
		t.Fatal(err)
	}
	start := func(words string) *machine {
		config := direct(t, "rw moss.fstx=2 root=PARTUUID="+world.RootGUID+words)
		config.Kernel, config.Initrd, config.Disks = running.Plain, running.Initrd, []vm.Disk{{Path: path}}
		return attach(t, func() (*vm.Machine, error) { return vm.Start(t.Context(), config) })
	}
	for _, point := range []string{"early/kexec", "early/attempts", "early/restart"} {
		m := start(" MOSS_FAULT=" + point + ":hang")
		m.expect("fault: hang at " + point)
		if err := m.vm.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	m := start("")
	m.expect("state 2 cannot be booted: ")
	m.expect("restart into state 1 with kernel " + shared.kernel.Version + ", by kexec")
	s := m.look(1)
	const reason = "/usr/lib/modules has no modules for kernel "
	if r := s.report; r.Wanted != 2 || r.Activated != 1 || !r.Fallback || r.Step != 2 || !strings.Contains(r.Reason, reason+running.Version) {
		t.Errorf("got %+v, want state 1 by step 2 instead of 2 for %q", s, reason)
	}
	if !strings.Contains(s.record, "reason: "+reason) || s.attempts != "" {
		t.Errorf("got the record %q and the count %q, want the reason and none", s.record, s.attempts)
	}
	m.is("the kernel that runs", "uname -r", shared.kernel.Version)
}
