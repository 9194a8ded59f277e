package pack_test

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"moss/internal/testutil/need"
	"moss/store/pack"
)

// TestAsOrdinaryUser runs this test program again as an ordinary user: setuid
// bits must be gone where the owner cannot be kept.
func TestAsOrdinaryUser(t *testing.T) {
	if dir := os.Getenv("EXTRACT_TEST_DIR"); dir != "" {
		asOrdinaryUser(t, dir)
		return
	}
	need.Root(t, "becoming another user")
	dir := t.TempDir()
	program := filepath.Join(dir, "test")
	copyFile(t, os.Args[0], program)
	s := whole()
	s.layouts = append(s.layouts, folder("sealed", 0o400), folder("sealed/deep", 0o755))
	copyFile(t, s.write(t, "app"), filepath.Join(dir, "app.stone"))
	mine := filepath.Join(dir, "mine")
	for name, mode := range map[string]os.FileMode{filepath.Dir(dir): 0o755, dir: 0o755} {
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(mine, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(mine, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "-test.run=^TestAsOrdinaryUser$", "-test.v")
	cmd.Dir = dir
	cmd.Env = []string{"EXTRACT_TEST_DIR=" + dir, "TMPDIR=" + mine}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	got := show(t, filepath.Join(mine, "out"))
	for _, want := range []string{
		"100755 65534:65534 usr/bin/su", "100750 65534:65534 usr/lib/same", "041777 65534:65534 usr/var/tmp",
		"040500 65534:65534 usr/locked", "040400 65534:65534 usr/sealed\n040755 65534:65534 usr/sealed/deep\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
}

func asOrdinaryUser(t *testing.T, dir string) {
	out := filepath.Join(dir, "mine", "out")
	results, err := pack.Extract(t.Context(), []string{filepath.Join(dir, "app.stone")}, out)
	if err != nil {
		t.Fatal(err)
	}
	if len(results[0].Notes) != 1 {
		t.Errorf("got notes %q, want one about owners", results[0].Notes)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}
