package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moss/internal/system"
	"moss/internal/testutil"
	"moss/internal/ui"
	"moss/store/activate"
)

// TestLatePinPrintsItsResult: the mark is set and the menu is not written.
func TestLatePinPrintsItsResult(t *testing.T) {
	root := mistakenRoots(t)["$ROOT"]
	if err := os.Rename(filepath.Join(root, "efi"), filepath.Join(root, "away")); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, code := asUser(t, "-D", root, "state", "pin", "1")
	if code != 4 || stdout != "state 1 is pinned\n" || !strings.HasPrefix(stderr, "moss: state 1 is pinned, but: ") || !strings.Contains(stderr, "next: ") {
		t.Errorf("got code %d, %q, %q", code, stdout, stderr)
	}
	stdout, _, code = asUser(t, "-D", root, "--json", "state", "unpin", "1")
	var said system.Pinned
	if err := json.Unmarshal([]byte(stdout), &said); err != nil || code != 4 || len(said.States) != 1 {
		t.Errorf("got code %d, %q, %v", code, stdout, err)
	}
}

// TestFailedPruneIsReported: what is gone is said, and the failure stays one.
func TestFailedPruneIsReported(t *testing.T) {
	late := &system.PartError{Did: "state 2 is gone", Next: "n", Err: errors.New("e")}
	done := system.Pruned{States: []activate.ID{2}}
	for _, c := range []struct {
		s    ui.Settings
		err  error
		want string
	}{
		{ui.Settings{}, late, "removed state 2,"}, {ui.Settings{JSON: true}, late, `"states": [`},
		{ui.Settings{Quiet: true}, late, ""}, {ui.Settings{}, errors.New("e"), ""},
	} {
		var out bytes.Buffer
		c.s.Out = &out
		if err := reportPruned(c.s, done, c.err); !errors.Is(err, c.err) || !strings.HasPrefix(strings.TrimLeft(out.String(), "{\n "), c.want) || c.want == "" && out.Len() > 0 {
			t.Errorf("%+v: got %v, %q, want %q", c.s, err, out.String(), c.want)
		}
	}
}

// TestDeclinedPruneIsRefused: as a declined installation is.
func TestDeclinedPruneIsRefused(t *testing.T) {
	root := mistakenRoots(t)["$ROOT"]
	testutil.Tree{".moss/root/.unsealed-1/usr/x": "x"}.Create(t, root)
	for _, c := range []struct {
		answer string
		want   int
	}{{"n\n", 3}, {"y\n", 0}} { // in this order: after the yes there is nothing to ask about
		answer, want := c.answer, c.want
		person, program := testutil.Terminal(t, 80)
		if _, err := person.WriteString(answer); err != nil {
			t.Fatal(err)
		}
		cmd := newRootCommand()
		cmd.SetIn(program)
		cmd.SetErr(program)
		cmd.SetOut(&bytes.Buffer{})
		cmd.SetArgs([]string{"-D", root, "state", "prune"})
		err := cmd.ExecuteContext(t.Context())
		_, left := os.Stat(filepath.Join(root, ".moss/root/.unsealed-1"))
		if got := system.ExitCode(err); got != want || (left == nil) != (want == 3) {
			t.Errorf("%q: got %v (exit code %d), want %d; there: %v", answer, err, got, want, left)
		}
	}
}

// TestNamesOfOthersAreMadePrintable: in a comparison and in a state's description.
func TestNamesOfOthersAreMadePrintable(t *testing.T) {
	const hostile = "a\x1b[2J"
	var out bytes.Buffer
	s := ui.Settings{Out: &out}
	printDiff(s, system.Diff{Packages: system.Changes{Added: []string{hostile}}, Files: system.Changes{Changed: []string{hostile}}}, true)
	if err := showState(s, system.StateInfo{Packages: []string{hostile}, Summary: hostile}); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsRune(out.String(), '\x1b') || strings.Count(out.String(), "a?[2J") != 4 {
		t.Errorf("got %q", out.String())
	}
}

// TestQuietFetch says nothing.
func TestQuietFetch(t *testing.T) {
	root, mirror := mistakenRoots(t)["$ROOT"], t.TempDir()
	testutil.Stone{Name: "app", Files: testutil.Tree{"bin/app": "x"}}.Write(t, mirror)
	for _, args := range [][]string{{"index", mirror}, {"repo", "add", "main", "file://" + mirror, "--allow-unsigned"}} {
		if _, stderr, code := asUser(t, append([]string{"-D", root}, args...)...); code != 0 {
			t.Fatalf("%q: got code %d, %s", args, code, stderr)
		}
	}
	for flag, loud := range map[string]bool{"-q": false, "-v": true} {
		stdout, stderr, code := asUser(t, "-D", root, flag, "fetch", "app", "-o", t.TempDir())
		if code != 0 || (stdout != "") != loud {
			t.Errorf("%s: got code %d, %q, %q", flag, code, stdout, stderr)
		}
	}
}

// TestTriggersCanWait: as every verb that takes the lock.
func TestTriggersCanWait(t *testing.T) {
	cmd, _, err := newRootCommand().Find([]string{"trigger", "run"})
	if err != nil || cmd.Flags().Lookup("wait") == nil {
		t.Errorf("%v: trigger run has no --wait", err)
	}
}
