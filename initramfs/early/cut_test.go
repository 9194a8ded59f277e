package early

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"moss/internal/testutil"
	"moss/store/activate"
)

const killedBoot = "MOSS_TEST_KILLED_BOOT"

// TestKilledBoot is no test of its own: it is the boot that others let die.
func TestKilledBoot(t *testing.T) {
	words := strings.Split(os.Getenv(killedBoot), "\n")
	if len(words) < 3 {
		return
	}
	b := bootOf(t, (&choice{states: activate.Open(words[1]), kernel: runningNow}).with(words[2]))
	b.Top = words[0]
	b.platform.(*recorder).uefi(b, nil)
	t.Log(b.activate(), b.settle())
}

// die runs a boot in a process that is killed at a fault point, as by a power cut.
func (b *Boot) die(t *testing.T, point, line string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^TestKilledBoot$", "-test.v")
	cmd.Env = append(os.Environ(), killedBoot+"="+b.Top+"\n"+b.Sysroot+"\n"+line, "MOSS_FAULT="+point+":kill",
		"TMPDIR="+t.TempDir()) // the dead remove nothing
	out, err := cmd.CombinedOutput()
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("%s: got %v, want a boot that dies there\n%s", point, err, out)
	}
}

// Power that is lost at a write of the fallback leaves a machine that boots to a
// good state: the next boot of the same entry, or of the one that the loader was
// told to start.
func TestCutsOfFallback(t *testing.T) {
	if !faults {
		return
	}
	for _, tt := range []struct {
		point string
		told  string // what the loader would start next
		count int
	}{
		{"early/failed", "", 0},
		{"early/oneshot", "", 0},
		{"early/attempts", "moss-t-2-5.10.0_*", 0},
		{"early/restart", "moss-t-2-5.10.0_*", 1},
	} {
		t.Run(tt.point, func(t *testing.T) {
			b, machine := stranded(t, entry2)
			machine.uefi(b, nil)
			b.die(t, tt.point, "moss.fstx=4")
			if got := readAttempts(b.Sysroot).count; got != tt.count {
				t.Errorf("got %d restarts counted, want %d", got, tt.count)
			}
			if got := b.oneShot(t); got != tt.told {
				t.Errorf("got one-shot %q, want %q", got, tt.told)
			}
			// The same entry once more, where a person picked it from the menu, after the
			// loader took the variable away: it goes the same way, to its end.
			if tt.told != "" {
				if err := deleteVar(b.path("sys/firmware/efi/efivars"), oneShot); err != nil {
					t.Fatal(err)
				}
			}
			went := false
			machine.at = func(call string) { went = went || call == "restart" && b.oneShot(t) != "" }
			if _ = b.activate(); !went {
				t.Errorf("got %v, want the restart", machine.calls)
			}
			// And the entry that it leads to, whose kernel has its modules.
			next := bootOf(t, (&choice{states: activate.Open(b.Sysroot), kernel: "5.10.0"}).with("moss.fstx=2"))
			if err := errors.Join(next.activate(), next.settle()); err != nil || next.report.Activated != 2 || readAttempts(b.Sysroot).count != 0 {
				t.Errorf("got %+v, %v", next.report.Outcome, err)
			}
		})
	}
}

func TestCutsOfSettling(t *testing.T) {
	if !faults {
		return
	}
	for _, point := range []string{"early/forgive", "early/settled"} {
		c := system(t, "1 ok", map[string]string{"3": "ok"}).with("moss.fstx=3")
		testutil.Tree{".moss/boot/attempts": "2\n", ".moss/boot/failed/3": "reason: x\nkernel: y\ntree: 1-1\n"}.Create(t, c.states.Dir())
		b := bootOf(t, c)
		b.die(t, point, "moss.fstx=3")
		if err := errors.Join(b.activate(), b.settle()); err != nil || b.report.Activated != 3 || b.report.Fallback {
			t.Errorf("%s: got %+v, %v", point, b.report.Outcome, err)
		}
		for _, name := range []string{"attempts", "failed/3"} {
			if _, err := os.Stat(c.states.Dir() + "/.moss/boot/" + name); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s: %s: got %v, want it gone", point, name, err)
			}
		}
	}
}

// Nothing has been written when a kernel is handed over: an error there leads to
// the third step, and a cut to the same boot once more.
func TestFaultOfKexec(t *testing.T) {
	if !faults {
		return
	}
	t.Setenv("MOSS_FAULT", "early/kexec:EIO")
	b, machine := stranded(t, entry2)
	machine.bios(b, oldEntry("kernel"))
	testutil.Tree{".stateID": "7", "sbin/init": "0755:" + program()}.Create(t, b.states().Archive(7))
	if err := b.activate(); err != nil || b.report.Activated != 7 || machine.called("load") || readAttempts(b.Sysroot).count != 0 {
		t.Errorf("got %+v, %v after %v", b.report.Outcome, err, machine.calls)
	}
}

// The words of the system reach the choice through the fault points, too.
func TestFaultsWithErrno(t *testing.T) {
	if !faults {
		return
	}
	t.Setenv("MOSS_FAULT", "activate/exchanging:EXDEV")
	c := system(t, "1 ok", map[string]string{"3": "ok"}).with("moss.fstx=3")
	if err := c.run(); err != nil || c.outcome.Activated != 1 || c.outcome.Reason != "the exchange with /usr was refused: the two are on different file systems (invalid cross-device link)" {
		t.Errorf("got %+v, %v", c.outcome, err)
	}
}
