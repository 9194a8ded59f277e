package system_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"moss/internal/testutil"
)

// TestSignals sends each signal that asks a program to end to a transaction that
// stands after a step: before the commit nothing has changed and nothing is left,
// from the commit on the transaction is finished.
func TestSignals(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		for step, want := range map[string]uint64{"resolve": 1, "unpack": 1, "stage": 1, "seal": 1, "menu": 2, "exchange": 2} {
			t.Run(fmt.Sprint(sig, "/", step), func(t *testing.T) {
				t.Parallel()
				root := newRoot(t)
				install(t, options(root), base())
				code, said := interrupted(t, root, step, sig, write(t, testutil.Stone{Name: "a", Files: testutil.Tree{"bin/a": "a"}}))
				if (code == 0) != (want == 2) {
					t.Errorf("exit code %d: %s", code, said)
				}
				if got := uint64(live(t, root)); got != want {
					t.Errorf("state %d is live, want %d", got, want)
				}
				everyEntryIsWhole(t, root)
				nothingIsLeftOver(t, root)
				if all := entries(t, root); uint64(len(all)) != want {
					t.Errorf("there are %d entries, want %d", len(all), want)
				}
			})
		}
	}
}

// interrupted starts a transaction, signals it when step is done, and returns its
// exit code and what it said.
func interrupted(t *testing.T, root, step string, sig os.Signal, stones []string) (int, string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "MOSS_TEST_ROOT="+root, "MOSS_TEST_STONES="+strings.Join(stones, " "), "MOSS_TEST_PAUSE="+step, "MOSS_TEST_SIGNALLED=1")
	var said strings.Builder
	cmd.Stderr = &said
	in, errIn := cmd.StdinPipe()
	out, errOut := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil || errIn != nil || errOut != nil {
		t.Fatal(err, errIn, errOut)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "paused\n" {
		t.Fatalf("got %q, %v, want it to stop after %s", line, err, step)
	}
	if err := cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(in)
	_ = cmd.Wait() // its exit code says it
	return cmd.ProcessState.ExitCode(), said.String()
}
