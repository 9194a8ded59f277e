package qemutests

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"moss/qemu-tests/disk"
	"moss/qemu-tests/vm"
	"moss/qemu-tests/world"
)

// locked is what the tests of LUKS share: an image that opens it and two disks.
type locked struct {
	initrd        string
	first, second *world.Box // LUKS1, LUKS2
}

const (
	firstBox  = "4c554b53-0001-4000-8000-000000000001"
	secondBox = "4c554b53-0002-4000-8000-000000000002"
)

var boxes = sync.OnceValues(func() (l locked, err error) {
	ctx := context.Background()
	w, err := world.New(os.Stderr)
	if err != nil {
		return l, err
	}
	if l.first, err = w.Box(ctx, shared.base, filepath.Join(shared.dir, "luks1.raw"), firstBox, "--type", "luks1", "-c", "aes-xts-plain64", "-s", "256"); err != nil {
		return l, err
	}
	if l.second, err = w.Box(ctx, shared.base, filepath.Join(shared.dir, "luks2.raw"), secondBox, "--type", "luks2", "--sector-size", "512", "--pbkdf", "argon2id", "--label", "strongbox"); err != nil {
		return l, err
	}
	l.initrd = filepath.Join(shared.dir, "moss-unlock.initrd")
	return l, w.UnlockImage(ctx, shared.kernel, l.first.KeyFile, l.initrd)
})

// bootLocked starts a machine from a copy of a box.
func bootLocked(t *testing.T, pick func(locked) *world.Box, words string) (*machine, *world.Box) {
	t.Helper()
	l, err := boxes()
	if err != nil {
		t.Fatal(err)
	}
	box := pick(l)
	path := filepath.Join(t.TempDir(), "disk.qcow2")
	if err := disk.Overlay(t.Context(), box.Path, path); err != nil {
		t.Fatal(err)
	}
	return startLocked(t, path, "", words), box
}

// startLocked starts a machine with the image that opens LUKS, and with a TPM if its
// socket is given.
func startLocked(t *testing.T, path, tpm, words string) *machine {
	t.Helper()
	l, err := boxes()
	if err != nil {
		t.Fatal(err)
	}
	started, err := vm.Start(t.Context(), vm.Config{Name: machineName(t), LogDir: shared.dir, Accel: shared.accel, Memory: 512,
		Disks: []vm.Disk{{Path: path}}, TPM: tpm, Kernel: shared.kernel.Plain, Initrd: l.initrd, Append: "console=ttyS0 quiet rw moss.fstx=2 " + words})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := started.Close(); err != nil {
			t.Error(err)
		}
	})
	return &machine{t, started, path}
}

func firstOf(l locked) *world.Box  { return l.first }
func secondOf(l locked) *world.Box { return l.second }

func (m *machine) answer(text string) {
	m.t.Helper()
	if err := m.vm.Line(text); err != nil {
		m.t.Fatal(err)
	}
}

// TestLUKS2Passphrase: root= has the container's UUID, as people write it, and the
// first answer is wrong.
func TestLUKS2Passphrase(t *testing.T) {
	inTurn(t, short)
	m, box := bootLocked(t, secondOf, "root=UUID="+secondBox)
	m.expect("Passphrase for LUKS device strongbox")
	m.answer("not this one")
	m.expect("wrong passphrase, 2 tries left")
	m.expect("Passphrase for LUKS device strongbox")
	m.answer(box.Passphrase)
	m.expect("is up")
	m.expect("# ")
	m.is("state 2 is live", "cat /usr/.stateID", "2")
	m.report(report{Wanted: 2, Activated: 2})
	// What systemd needs to take the device for one that is ready.
	m.is("the link", "readlink /dev/mapper/luks-"+secondBox, "../dm-0")
	m.is("the name that systemd knows it by", "cat /sys/block/dm-0/dm/uuid", "CRYPT-LUKS2-4c554b53000240008000000000000002-luks-"+secondBox)
	m.contains("the record for udev", "cat /run/udev/data/b$(cat /sys/block/dm-0/dev)", "E:DM_UDEV_PRIMARY_SOURCE_FLAG=1")
	m.contains("the root is in it", "cat /proc/self/mountinfo", "/dev/dm-0 ")
}

// TestLUKS1KeyFile asks nobody: the key is in the image, and the name is given.
func TestLUKS1KeyFile(t *testing.T) {
	inTurn(t, short)
	m, _ := bootLocked(t, firstOf, "rd.luks.name="+firstBox+"=vault rd.luks.key="+firstBox+"=/etc/keys/box root=/dev/mapper/vault")
	m.expect("is up")
	m.expect("# ")
	m.is("state 2 is live", "cat /usr/.stateID", "2")
	m.is("the name", "cat /sys/block/dm-0/dm/name", "vault")
}

// TestLUKSLockedOut: three wrong ones end in words and a restart, not in a wait.
func TestLUKSLockedOut(t *testing.T) {
	inTurn(t, short)
	m, _ := bootLocked(t, secondOf, "root=UUID="+secondBox)
	for range 3 {
		m.expect("Passphrase for LUKS device strongbox")
		m.answer("guess")
	}
	m.expect("no try is left")
	m.expect("was not unlocked")
	m.expect("reboot")
}
