package qemutests

import (
	"os"
	"path/filepath"
	"testing"

	"moss/qemu-tests/disk"
	"moss/qemu-tests/world"
)

// TestOthers: inside the initramfs of dracut and of initramfs-tools, built on the
// spot by Debian's own programs, moss-init activates what is asked for, on a root
// that is mounted read-only, and leaves a boot alone that asks for nothing.
func TestOthers(t *testing.T) {
	alongside(t)
	for _, kind := range []string{world.Dracut, world.InitramfsTools} {
		t.Run(kind, func(t *testing.T) {
			inTurn(t, 2)
			other := otherImage(t, kind)

			m := other.boot("ro moss.fstx=1")
			m.report(report{Wanted: 1, Activated: 1})
			m.is("state 1 is live", "cat /usr/.stateID", "1")
			m.contains("the root is read-only again", "cat /proc/mounts", " / ext4 ro,")
			m.powerOff()

			m = other.boot("")
			m.is("without the parameter nothing moves", "cat /usr/.stateID", "1")
			m.is("and there is no report", "ls /run/moss 2>/dev/null", "")
		})
	}
}

// TestOthersWithLUKS: the other program opens the container, and moss-init falls back
// on what is in it.
func TestOthersWithLUKS(t *testing.T) {
	alongside(t)
	for _, tt := range []struct{ kind, words, asks string }{
		{world.DracutLUKS, "rd.luks.uuid=" + secondBox + " root=/dev/mapper/luks-" + secondBox, "passphrase for disk"},
		{world.InitramfsToolsLUKS, "cryptopts=target=vault,source=UUID=" + secondBox + ",luks root=/dev/mapper/vault", "Please unlock disk vault"},
	} {
		t.Run(tt.kind, func(t *testing.T) {
			inTurn(t, 2)
			l, err := boxes()
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "disk.qcow2")
			if err := disk.Overlay(t.Context(), l.second.Path, path); err != nil {
				t.Fatal(err)
			}
			m := startImage(t, path, "moss.fstx=3 "+tt.words, otherInitrd(t, tt.kind))
			m.expect(tt.asks)
			m.answer(l.second.Passphrase)
			m.expect("is up")
			m.expect("# ")
			m.report(report{Wanted: 3, Activated: 2, Fallback: true})
			m.contains("the failure is recorded with its reason", "cat /.moss/boot/failed/3", "reason: /usr/")
			m.contains("the root is in it", "cat /proc/self/mountinfo", "/dev/mapper/")
		})
	}
}

// foreign is a disk that boots with somebody else's initramfs.
type foreign struct {
	t      *testing.T
	initrd string
	disk   string
}

func otherImage(t *testing.T, kind string) *foreign {
	t.Helper()
	return &foreign{t, otherInitrd(t, kind), newDisk(t)}
}

func otherInitrd(t *testing.T, kind string) string {
	t.Helper()
	w, err := world.New(os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	initrd, err := w.Other(t.Context(), shared.kernel, kind)
	if err != nil {
		t.Fatal(err)
	}
	return initrd
}

func (f *foreign) boot(words string) *machine {
	f.t.Helper()
	m := startImage(f.t, f.disk, words, f.initrd)
	m.expect("is up")
	m.expect("# ")
	return m
}
