package qemutests

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"moss/qemu-tests/debian"
	"moss/qemu-tests/vm"
	"moss/qemu-tests/world"
)

// TestFallbackCauses: whatever is wrong with state 2, state 1 boots instead, the
// reason is told in all three places, and the next boot does not try again.
func TestFallbackCauses(t *testing.T) {
	alongside(t)
	w := waits(t, shared.initrds[plainImage], "rw moss.fstx=2 root=PARTUUID="+world.RootGUID)
	for _, flaw := range world.Flaws() {
		t.Run(flaw.Name, func(t *testing.T) {
			inTurn(t, short)
			b := breaks(t, w, flaw)
			if flaw.Reason == "" {
				b.boots()
				return
			}
			first := b.falls(flaw.Reason)
			again := b.falls("failed before (")
			if first.record != again.record {
				t.Errorf("the record changed from boot to boot:\n%s\n%s", first.record, again.record)
			}
		})
	}
}

// TestFallbackOnReadOnlyRoot: the root is made writable for the work, and read-only
// again for the system, as the command line says.
func TestFallbackOnReadOnlyRoot(t *testing.T) {
	inTurn(t, short)
	w := waits(t, shared.initrds[plainImage], "ro moss.fstx=2 root=PARTUUID="+world.RootGUID)
	b := breaks(t, w, world.FlawNamed("init missing"))
	for _, reason := range []string{"/sbin/init is missing", "failed before ("} {
		s := b.falls(reason)
		if !strings.Contains(s.mounts, " / ext4 ro,") {
			t.Errorf("the root is not read-only again:\n%s", s.mounts)
		}
	}
}

// TestFallbackOnDamagedRoot: nothing can be exchanged and nothing recorded, so the
// live state boots, which is not even an earlier one.
func TestFallbackOnDamagedRoot(t *testing.T) {
	inTurn(t, short)
	flaw := world.DamagedRoot()
	b := breaks(t, waits(t, shared.initrds[plainImage], "rw moss.fstx=2 root=PARTUUID="+world.RootGUID), flaw)
	for range 2 {
		m := b.start()
		m.expect("the failure of state 2 could not be recorded")
		m.expect("moss-init: state 3 activated (wanted 2: " + flaw.Reason)
		s := m.look(3)
		if r := s.report; r.Wanted != 2 || r.Activated != 3 || !r.Fallback || r.Step != 3 || !strings.Contains(r.Reason, flaw.Reason) {
			t.Errorf("boot.json: got %+v, want state 3 instead of 2 for %q", r, flaw.Reason)
		}
		m.stop()
	}
}

// TestFallbackOff: no other state than the wanted one, and that one in any case.
func TestFallbackOff(t *testing.T) {
	inTurn(t, short)
	w := waits(t, shared.initrds[plainImage], "rw moss.fstx=2 moss.fallback=off root=PARTUUID="+world.RootGUID)

	m := breaks(t, w, world.FlawNamed("init missing")).start()
	m.expect("state 2 was asked for, and moss.fallback=off allows no other: /sbin/init is missing")
	m.expect("stopped because of moss.fallback=off. Press Enter to reboot")

	b := breaks(t, w, world.FlawNamed("recorded"))
	m = b.start()
	if s := m.look(2); s.report.Activated != 2 || s.report.Fallback || !strings.Contains(s.record, "was not blessed") {
		t.Errorf("got %+v, want state 2 although it is recorded, and the record, which is not early boot's", s)
	}
}

// waits is a machine that waits for its root, made when the first test needs it.
func waits(t *testing.T, initrd, words string) func() (*world.Waiting, error) {
	t.Helper()
	config := waiting(t, words)
	config.Initrd = initrd
	return sync.OnceValues(func() (*world.Waiting, error) { return world.NewWaiting(t.Context(), config, bootLimit) })
}

func waiting(t *testing.T, words string) vm.Config {
	return vm.Config{Name: busName(t), LogDir: t.TempDir(), Accel: shared.accel, Memory: 512, Slots: 1,
		Kernel: shared.kernel.Plain, Append: strings.Join(debian.CommandLine(), " ") + " " + words}
}

// waitsInDracut is waits for an image of dracut's, whose systemd says that it waits
// once nothing else is left to do. Disks that debugfs(8) was at are not for its fsck.
func waitsInDracut(t *testing.T, words string) func() (*world.Waiting, error) {
	t.Helper()
	config := waiting(t, words+" systemd.show_status=1 fsck.mode=skip")
	return sync.OnceValues(func() (*world.Waiting, error) {
		w, err := world.New(os.Stderr)
		if err != nil {
			return nil, err
		}
		image, err := w.Other(t.Context(), shared.kernel, world.Dracut)
		if err != nil {
			return nil, err
		}
		config.Initrd = filepath.Join(config.LogDir, "scripted.initrd")
		if err := w.Scripted(t.Context(), image, config.Initrd); err != nil {
			return nil, err
		}
		return world.NewWaitingAt(t.Context(), config, "] Job dev-disk-by", bootLimit)
	})
}

// broken is a disk with a flaw, and the machine that boots it.
type broken struct {
	t      *testing.T
	w      func() (*world.Waiting, error)
	disk   string
	bus    vm.Bus
	booted int
}

func breaks(t *testing.T, w func() (*world.Waiting, error), flaw world.Flaw) *broken {
	t.Helper()
	b := &broken{t: t, w: w, disk: newDisk(t)}
	if err := flaw.Break(t.Context(), shared.dir, b.disk, 2); err != nil {
		t.Fatal(err)
	}
	return b
}

// seen is what a boot left for its reader.
type seen struct {
	report struct {
		Wanted, Activated, Step int
		Fallback                bool
		Reason                  string
		FallbackMS              int `json:"fallback_ms"`
		Failed                  []struct {
			State  int
			Reason string
		}
	}
	live, archive, mounts, record, attempts string

	all string // the records, each after a line with its state
}

// falls boots the disk once, which has to end in state 1 for this reason.
func (b *broken) falls(reason string) seen {
	b.t.Helper()
	m := b.start()
	m.expect("moss-init: state 1 activated (wanted 2: ")
	s := m.look(1)
	if text := m.vm.Text(); !strings.Contains(text, reason) {
		b.t.Errorf("the console does not say %q:\n%s", reason, text)
	}
	r := s.report
	if r.Wanted != 2 || r.Activated != 1 || !r.Fallback || r.Step != 1 || !strings.Contains(r.Reason, reason) {
		b.t.Errorf("boot.json: got %+v, want state 1 instead of 2 for %q", r, reason)
	}
	if len(r.Failed) != 1 || r.Failed[0].State != 2 || r.Failed[0].Reason != r.Reason {
		b.t.Errorf("boot.json: got %+v as what failed, want state 2 for %q", r.Failed, r.Reason)
	}
	// A record that was there before is what the reason quotes.
	_, recorded, before := strings.Cut(r.Reason, "failed before (")
	_, quoted, _ := strings.Cut(recorded, "): ")
	if !before {
		quoted = r.Reason
	}
	if !strings.Contains(s.record, "reason: "+quoted+"\n") {
		b.t.Errorf("the record does not say %q:\n%s", quoted, s.record)
	}
	b.t.Logf("%d ms for the fallback", r.FallbackMS)
	m.stop()
	return s
}

// boots boots the disk once, with nothing to fall back from.
func (b *broken) boots() seen {
	b.t.Helper()
	m := b.start()
	s := m.look(2)
	if s.report.Wanted != 2 || s.report.Activated != 2 || s.report.Fallback || s.record != "" || s.archive != "1 3" {
		b.t.Errorf("got %+v, want state 2 and nothing to tell", s)
	}
	return s
}

func (b *broken) start() *machine {
	b.t.Helper()
	w, err := b.w()
	if err != nil {
		b.t.Fatal(err)
	}
	b.booted++
	begun := time.Now()
	m := attach(b.t, func() (*vm.Machine, error) {
		return w.Start(b.t.Context(), busName(b.t)+strings.Repeat("-again", b.booted-1), vm.Disk{Path: b.disk, Bus: b.bus})
	})
	b.t.Cleanup(func() { b.t.Logf("boot ended %.1f s after its start", time.Since(begun).Seconds()) })
	return m
}

// look waits for the shell of a state and takes what is to be compared, at once:
// each command costs a good part of a boot.
func (m *machine) look(state int) (s seen) {
	m.t.Helper()
	m.expect(fmt.Sprintf("state %d is up", state))
	m.expect("# ")
	text := m.run("cat /run/moss/boot.json; echo =; cat /usr/.stateID; echo =; cd /.moss/root; echo *; echo =; cat /proc/mounts; echo =; cat /.moss/boot/failed/2; echo =; cat /.moss/boot/attempts")
	parts := strings.SplitN(strings.ReplaceAll(text+"\n", "\r", ""), "=\n", 6)
	if len(parts) != 6 {
		m.t.Fatalf("got %q", text)
	}
	if err := json.Unmarshal([]byte(parts[0]), &s.report); err != nil {
		m.t.Fatalf("boot.json: %v: %s", err, parts[0])
	}
	s.live, s.archive, s.mounts = strings.TrimSpace(parts[1]), strings.TrimSpace(parts[2]), parts[3]
	s.record, s.attempts = present(parts[4]), present(parts[5])
	if s.live != fmt.Sprint(state) {
		m.t.Errorf("got the live state %q, want %d", s.live, state)
	}
	return s
}

// present is what cat printed of a file, "" for none.
func present(text string) string {
	if strings.Contains(text, "No such file") {
		return ""
	}
	return text
}

// stop ends a machine without the ways of its kernel, its disk written out.
func (m *machine) stop() {
	m.t.Helper()
	m.run("sync; echo u > /proc/sysrq-trigger")
	if err := m.vm.Kill(); err != nil {
		m.t.Fatal(err)
	}
}
