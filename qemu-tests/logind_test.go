package qemutests

import (
	"os"
	"strings"
	"testing"

	"moss/qemu-tests/debian"
	"moss/qemu-tests/vm"
	"moss/qemu-tests/world"
)

// TestShutdownInhibitor asks the real login manager: while a transaction runs,
// the machine is not shut down by accident, and when it has ended, however that
// was, it can be.
func TestShutdownInhibitor(t *testing.T) {
	inTurn(t, 2)
	m := bootFull(t)
	m.contains("early boot told the journal", "journalctl -b -t moss-init -o cat", "state 1 activated")
	m.must("systemctl start systemd-logind.service")
	const list = "systemd-inhibit --list --no-legend"
	if out := m.must(list); strings.Contains(out, "moss") {
		t.Fatalf("before any transaction there is an inhibitor: %s", out)
	}

	const install = " -v -y install --no-boot note-1.stone"
	m.must("{ MOSS_FAULT=transaction/stage:hang ./moss-fault" + install + " >/tmp/said 2>&1 & }")
	m.expect("fault: hang at transaction/stage")
	for _, want := range []string{"moss install", "shutdown:sleep", "block", "a new system state is being made"} {
		m.contains("the inhibitor of a transaction that runs", list, want)
	}
	if out, status := m.try("systemctl --check-inhibitors=yes poweroff 2>&1"); status == 0 || !strings.Contains(out, "moss install") {
		t.Errorf("shut down during a transaction: got exit code %d, want a refusal that names moss:\n%s", status, out)
	}

	// Its process dies: logind lets go by itself.
	m.must("kill -9 $!")
	m.must("while " + list + " | grep moss; do :; done")

	out := m.must("./moss --progress none" + install)
	if strings.Contains(out, "no shutdown inhibitor") || !strings.Contains(out, "state 2 is current") {
		t.Errorf("install: want state 2, made with an inhibitor:\n%s", out)
	}
	if out := m.must(list); strings.Contains(out, "moss") {
		t.Errorf("after the transaction there still is an inhibitor: %s", out)
	}
	// Now nothing is in the way of the same command.
	if err := m.vm.Line("systemctl --check-inhibitors=yes poweroff"); err != nil {
		t.Fatal(err)
	}
	if err := m.vm.WaitPowerOff(bootLimit); err != nil {
		t.Error(err)
	}
}

// bootFull boots the whole of Debian and logs in.
func bootFull(t *testing.T) *machine {
	t.Helper()
	w, err := world.New(os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	d, err := w.Full(t.Context(), t.TempDir(), shared.kernel)
	if err != nil {
		t.Fatal(err)
	}
	started, err := vm.Start(t.Context(), vm.Config{Name: t.Name(), LogDir: shared.dir, Accel: shared.accel, Memory: 1024, Disks: []vm.Disk{{Path: d.Path}},
		Kernel: shared.kernel.Plain, Initrd: shared.initrds[plainImage],
		Append: strings.Join(debian.CommandLine(), " ") + " rw moss.fstx=1 root=PARTUUID=" + world.RootGUID})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := started.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := started.Login("root", "", 2*bootLimit); err != nil {
		t.Fatal(err)
	}
	m := &machine{t, started, d.Path}
	m.must("cd " + world.LabDir)
	return m
}
