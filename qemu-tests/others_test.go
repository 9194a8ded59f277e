package qemutests

import (
	"os"
	"testing"

	"moss/qemu-tests/world"
)

// TestOthers: inside the initramfs of dracut and of initramfs-tools, built on the
// spot by Debian's own programs, moss-init chooses and falls back as in its own.
func TestOthers(t *testing.T) {
	alongside(t)
	for _, kind := range []string{world.Dracut, world.InitramfsTools} {
		t.Run(kind, func(t *testing.T) {
			inTurn(t, 2)
			other := otherImage(t, kind)

			m := other.boot("moss.fstx=3")
			m.report(report{Wanted: 3, Activated: 2, Fallback: true})
			m.is("state 2 is live", "cat /usr/.stateID", "2")
			m.contains("the failure is recorded with its reason", "cat /.moss/boot/failed/3", "reason: /usr/")
			m.powerOff()

			m = other.boot("ro moss.fstx=1")
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

// foreign is a disk that boots with somebody else's initramfs.
type foreign struct {
	t      *testing.T
	initrd string
	disk   string
}

func otherImage(t *testing.T, kind string) *foreign {
	t.Helper()
	w, err := world.New(os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	initrd, err := w.Other(t.Context(), shared.kernel, kind)
	if err != nil {
		t.Fatal(err)
	}
	return &foreign{t, initrd, newDisk(t)}
}

func (f *foreign) boot(words string) *machine {
	f.t.Helper()
	m := startImage(f.t, f.disk, words, f.initrd)
	m.expect("is up")
	m.expect("# ")
	return m
}
