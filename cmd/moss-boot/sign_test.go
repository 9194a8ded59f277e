package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moss/bootloader/sign/signtest"
	"moss/internal/system"
)

// tell runs a verb, and gives what it printed and the exit code.
func tell(t *testing.T, args ...string) (string, int) {
	t.Helper()
	var out bytes.Buffer
	root := newRootCommand()
	root.SetOut(&out)
	root.SetErr(&bytes.Buffer{})
	root.SetArgs(args)
	err := root.ExecuteContext(t.Context())
	return out.String(), system.ExitCode(err)
}

// TestSignVerb signs a program in place; the second time it leaves the file
// alone.
func TestSignVerb(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, "tool.efi")
	if err := os.WriteFile(path, signtest.Small(5), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		args string
		code int
		said string
	}{
		{"keys create", 0, "keys made"},
		{"sign --verify " + path, 3, ""},
		{"sign " + path, 0, "signed: " + path},
		{"sign --verify --json " + path, 0, `"signed": true`},
	} {
		said, code := tell(t, append([]string{"-D", root}, strings.Fields(step.args)...)...)
		if code != step.code || !strings.Contains(said, step.said) {
			t.Errorf("%s: got %q, exit code %d, want %q, %d", step.args, said, code, step.said, step.code)
		}
	}
	before, err := os.Stat(path)
	if err != nil || before.Mode().Perm() != 0o755 {
		t.Fatalf("got %v, %v", before.Mode(), err)
	}
	tell(t, "-D", root, "sign", path)
	if after, err := os.Stat(path); err != nil || !os.SameFile(before, after) {
		t.Errorf("it was written again: %v", err)
	}
}
