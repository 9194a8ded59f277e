package usrmerge

import (
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"moss/internal/testutil"
)

func mountAt(t *testing.T, source, at, kind string, flags uintptr) {
	t.Helper()
	if err := unix.Mount(source, at, kind, flags, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(at, unix.MNT_DETACH) })
}

// TestMachineIDOfThisBootOnly: systemd mounts a random one over an /etc without.
func TestMachineIDOfThisBootOnly(t *testing.T) {
	if !testutil.Privately(t) {
		return
	}
	root := unmerged(t, testutil.Tree{"run/": ""})
	mountAt(t, "moss-test", filepath.Join(root, "run"), "tmpfs", 0)
	testutil.Tree{"machine-id": number53}.Create(t, filepath.Join(root, "run"))
	mountAt(t, filepath.Join(root, "run/machine-id"), filepath.Join(root, "etc/machine-id"), "", unix.MS_BIND)
	decide(t, root, "").wants(t, OutcomeRefused, "of this boot only")
}
