package qemutests

import (
	"path/filepath"
	"testing"

	"moss/internal/testutil"
	"moss/internal/testutil/need"
	"moss/qemu-tests/vm"
	"moss/qemu-tests/world"
)

// TestResumeFromHibernation: the system that went to sleep in a swap partition wakes
// up as it was, and early boot has touched nothing of its root.
func TestResumeFromHibernation(t *testing.T) {
	inTurn(t, short)
	swap := filepath.Join(t.TempDir(), "swap.raw")
	testutil.Run(t, "truncate", "-s", "1G", swap)
	testutil.Run(t, "mkswap", "-L", "sleep", swap)
	config := direct(t, "rw moss.fstx=2 resume=LABEL=sleep root=PARTUUID="+world.RootGUID)
	root := newDisk(t)
	edit(t, root, "write "+need.Program(t, "busybox")+" /busybox", "sif /busybox mode 0100755")
	config.Disks = []vm.Disk{{Path: root}, {Path: swap}}
	start := func(name string) *machine {
		config.Name = busName(t) + name
		return attach(t, func() (*vm.Machine, error) { return vm.Start(t.Context(), config) })
	}

	m := start("-before")
	m.expect("state 2 is up")
	m.expect("# ")
	m.must("/busybox swapon /dev/vdb && remembered=asleep && echo shutdown > /sys/power/disk")
	if err := m.vm.Line("echo disk > /sys/power/state; echo woken and $remembered"); err != nil {
		t.Fatal(err)
	}
	if err := m.vm.WaitPowerOff(bootLimit); err != nil {
		t.Fatal(err)
	}

	m = start("-after")
	m.expect("woken and asleep")
	m.is("the same boot of the same state", "cat /usr/.stateID", "2")
}
