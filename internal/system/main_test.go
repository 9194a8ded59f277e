package system_test

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"moss/internal/system"
	"moss/store/trigger"
)

// TestMain runs a transaction instead of the tests when it is told to: some tests
// need a process that can die or be sent signals.
func TestMain(m *testing.M) {
	if trigger.Sandboxed(os.Args) {
		trigger.RunSandboxed()
	}
	if verb := os.Getenv("MOSS_TEST_VERB"); verb != "" {
		os.Exit(runVerb(verb))
	}
	if root := os.Getenv("MOSS_TEST_ROOT"); root != "" {
		os.Exit(child(root))
	}
	// The model makes a transaction a step: the library's 100 runs take minutes. A
	// flag on the command line still has the last word.
	if err := flag.Set("rapid.checks", "30"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// child transacts as the program does. With MOSS_TEST_PAUSE it says when the named
// step is done and waits for a line.
func child(root string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM, unix.SIGHUP)
	defer stop()
	opt := options(root)
	if at := os.Getenv("MOSS_TEST_PAUSE"); at != "" {
		input := bufio.NewReader(os.Stdin)
		opt.Log = func(line string) {
			if strings.HasPrefix(line, "step "+at+":") {
				os.Stdout.WriteString("paused\n")
				_, _ = input.ReadString('\n')
				if os.Getenv("MOSS_TEST_SIGNALLED") != "" {
					<-ctx.Done() // the signal is on its way: see it before going on
				}
			}
		}
	}
	_, err := system.Transact(ctx, opt, system.Change{Stones: strings.Fields(os.Getenv("MOSS_TEST_STONES"))})
	if err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
	}
	return system.ExitCode(err)
}

// transactInChild transacts in another process and returns its exit code, -1 if
// it was killed, and the first line it said.
func transactInChild(t *testing.T, root string, stones []string, fault string) (int, string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "MOSS_TEST_ROOT="+root, "MOSS_TEST_STONES="+strings.Join(stones, " "), "MOSS_FAULT="+fault)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(out), "\n")
	return cmd.ProcessState.ExitCode(), first
}
