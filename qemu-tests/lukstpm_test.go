package qemutests

import (
	"path/filepath"
	"testing"

	"moss/qemu-tests/disk"
	"moss/qemu-tests/world"
)

// TestLUKSByTPM: the TPM that systemd-cryptenroll sealed the key in opens the root
// without a question; a machine with another one asks for the passphrase.
func TestLUKSByTPM(t *testing.T) {
	inTurn(t, short)
	l, err := boxes()
	if err != nil {
		t.Fatal(err)
	}
	box := *l.second
	box.Path = filepath.Join(t.TempDir(), "disk.raw")
	if err := disk.Copy(t.Context(), l.second.Path, box.Path); err != nil {
		t.Fatal(err)
	}
	own, other := world.Chip{Dir: t.TempDir()}, world.Chip{Dir: t.TempDir()}
	if err := own.Enroll(t.Context(), &box); err != nil {
		t.Fatal(err)
	}
	with := func(chip world.Chip) *machine {
		if err := chip.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := chip.Stop(); err != nil {
				t.Error(err)
			}
		})
		return startLocked(t, box.Path, chip.Socket(), "tpm_tis.force=1 root=UUID="+secondBox)
	}
	const question = "Passphrase for LUKS device strongbox"

	m := with(own)
	m.expect("is up")
	m.expect("# ")
	m.lacks(question)
	m.is("state 2 is live", "cat /usr/.stateID", "2")
	m.contains("the root is in it", "cat /proc/self/mountinfo", "/dev/dm-0 ")
	m.stop()

	m = with(other)
	m.expect("the TPM did not give the key: ")
	m.expect(question)
	m.answer(box.Passphrase)
	m.expect("is up")
}
