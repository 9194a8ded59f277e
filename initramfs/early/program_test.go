package early

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"moss/internal/testutil"
)

func TestProgramInTheLog(t *testing.T) {
	b, said := shellBoot(t, "", testutil.Tree{
		"sbin/fsck": "0755:#!/bin/sh\nread word && echo \"somebody typed $word\"\necho clean\necho twice >&2\nexit ${1:-0}",
		"dev/null":  "", "dead": "0755:#!/bin/sh\nkill -9 $$",
	})
	kmsg := filepath.Join(b.Top, "kmsg")
	var err error
	if b.console.kmsg, err = os.Create(kmsg); err != nil {
		t.Fatal(err)
	}
	defer b.console.kmsg.Close()
	if status, err := b.runProgram([]string{"/sbin/fsck"}, false); status != 0 || err != nil {
		t.Errorf("got %d, %v", status, err)
	}
	const want = "<30>moss-init: fsck: clean\n<30>moss-init: fsck: twice\n"
	if got := testutil.Read(t, kmsg); got != want || said() != "" {
		t.Errorf("got %q and on the console %q, want %q in the log only", got, said(), want)
	}
	if status, err := b.runProgram([]string{"/sbin/fsck", "4"}, false); status != 4 || err != nil || !strings.Contains(said(), "moss-init: fsck: twice\n") {
		t.Errorf("got %d, %v, %q, want status 4 and the words on the console", status, err, said())
	}
	if status, err := b.runProgram([]string{"/dead"}, false); status != 128+int(unix.SIGKILL) || err != nil {
		t.Errorf("got %d, %v, want the signal", status, err)
	}
	for _, tty := range []bool{false, true} {
		if _, err := b.runProgram([]string{"/absent"}, tty); err == nil || !strings.Contains(err.Error(), "run /absent: ") {
			t.Errorf("got %v, want the program named", err)
		}
	}
}

// TestProgramIsNoPartOfOurSession: a Ctrl-C at the console must not reach PID 1.
func TestProgramIsNoPartOfOurSession(t *testing.T) {
	b, said := shellBoot(t, "", testutil.Tree{"sid": "0755:#!/bin/sh\nread -r _ _ _ _ _ session _ </proc/self/stat\necho \"session $session of $$\""})
	if _, err := b.runProgram([]string{"/sid"}, true); err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(said())
	if len(words) != 4 || words[1] != words[3] {
		t.Errorf("got %q, want a session of its own", said())
	}
}

// TestSignalsFromTheShell: busybox's reboot sends PID 1 a signal, which would end
// this program. What it starts still ends by one, and so does whoever is executed.
func TestSignalsFromTheShell(t *testing.T) {
	b, said := shellBoot(t, "", testutil.Tree{"bin/sh": "0755:#!/bin/sh\nkill -TERM $PPID\nkill -INT $PPID\nkill -HUP $PPID\nkill -TERM $$\necho not reached"})
	if status, err := b.runProgram([]string{"/bin/sh"}, true); status != 128+int(unix.SIGTERM) || err != nil || said() != "" {
		t.Errorf("got %d, %v, %q, want its own end by the signal", status, err, said())
	}
	text := testutil.Read(t, "/proc/self/status")
	_, ignored, _ := strings.Cut(text, "SigIgn:\t")
	ignored, _, _ = strings.Cut(ignored, "\n")
	if mask, err := strconv.ParseUint(ignored, 16, 64); err != nil || mask&(1<<(unix.SIGTERM-1)) != 0 {
		t.Errorf("got %s, %v, want SIGTERM heard again", ignored, err)
	}
}
