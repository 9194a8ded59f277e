package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"moss/internal/testutil"
	"moss/internal/testutil/need"
)

// heard runs the program as a user does, with out as its standard output.
func heard(t *testing.T, out *os.File, args ...string) (stderr string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Args[0] = "moss" // TestMain serves the program under that name
	var complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = out, &complaints
	_ = cmd.Run() // its outcome is in ProcessState
	return complaints.String(), cmd.ProcessState.ExitCode()
}

// TestReaderThatIsGone: "moss ... | head" is neither killed nor a failure; a
// change is finished, a question ends quietly. A full disk is told.
func TestReaderThatIsGone(t *testing.T) {
	root := t.TempDir()
	testutil.NewRoot(t, root)
	stone := testutil.Base().Write(t, t.TempDir())
	read, gone, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer gone.Close()
	read.Close()
	for _, args := range [][]string{
		{"install", "-v", stone}, {"state", "pin", "1"}, {"state", "list"}, {"state", "list", "--json"}, {"list", "installed"}, {"files", "base"}, {"info", "base"},
		{"state", "active"}, {"state", "show"}, {"inspect", stone}, {"state", "activate", "1"}, {"state", "prune", "--json"}, {"--help"},
	} {
		stderr, code := heard(t, gone, append([]string{"-D", root}, args...)...)
		if code != 0 || args[0] != "install" && stderr != "" {
			t.Errorf("%q: got code %d, %q", args, code, stderr)
		}
	}
	if got := testutil.Read(t, filepath.Join(root, "usr/.stateID")); got != "1" {
		t.Errorf("state %q is live, want 1", got)
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		need.Machine(t, "/dev/full: %v", err)
	}
	defer full.Close()
	if stderr, code := heard(t, full, "-D", root, "state", "list"); code != 1 || stderr == "" {
		t.Errorf("a full disk: got code %d, %q, want it told", code, stderr)
	}
}
