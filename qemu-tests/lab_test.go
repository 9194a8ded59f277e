package qemutests

import (
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"moss/qemu-tests/debian"
	"moss/qemu-tests/disk"
	"moss/qemu-tests/vm"
	"moss/qemu-tests/world"
)

// labLimit is for a whole transaction or verification under software emulation.
const labLimit = 4 * time.Minute

// labDisk is the disk on which moss itself runs: made once, never changed.
var labDisk = sync.OnceValues(func() (*disk.Disk, error) {
	w, err := world.New(os.Stderr)
	if err != nil {
		return nil, err
	}
	return w.Lab(context.Background(), shared.dir, shared.kernel)
})

// bootLab starts a machine from a lab disk, with other disks beside it.
func bootLab(t *testing.T, words string, config vm.Config) *machine {
	t.Helper()
	config.Name, config.LogDir = strings.ReplaceAll(t.Name(), "/", "-"), shared.dir
	config.Accel, config.Memory, config.Kernel, config.Initrd = shared.accel, 512, shared.kernel.Plain, shared.initrds[plainImage]
	config.Append = strings.Join(debian.CommandLine(), " ") + " rw root=PARTUUID=" + world.RootGUID + " " + words
	started, err := vm.Start(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := started.Close(); err != nil {
			t.Error(err)
		}
	})
	m := &machine{t, started, config.Disks[0].Path}
	m.expect("is up")
	m.expect("# ")
	m.must("export PATH=$PATH:" + world.LabDir + "; cd " + world.LabDir + "; flakey insmod modules/*")
	return m
}

// try runs a command in the guest and returns what it said and its exit code.
func (m *machine) try(command string) (string, int) {
	m.t.Helper()
	out, status, err := m.vm.Run(command, labLimit)
	if err != nil {
		m.t.Fatal(err)
	}
	return strings.TrimSpace(strings.ReplaceAll(out, "\r", "")), status
}

// must is try for a command that has to work.
func (m *machine) must(command string) string {
	m.t.Helper()
	out, status := m.try(command + " 2>&1")
	if status != 0 {
		m.t.Fatalf("%s: exit code %d:\n%s", command, status, out)
	}
	return out
}
