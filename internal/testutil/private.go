package testutil

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"moss/internal/testutil/need"
)

// Privately runs a test again in a mount namespace of its own and reports what
// it says; in there it returns true. Whatever is mounted goes with the process,
// however it ends.
func Privately(t *testing.T) bool {
	t.Helper()
	const inside = "MOSS_TEST_PRIVATE"
	if os.Getenv(inside) != "" {
		return true
	}
	need.Root(t, "mounting a file system")
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), inside+"=1", "TMPDIR="+t.TempDir())
	cmd.SysProcAttr = &unix.SysProcAttr{Unshareflags: unix.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	} else if bytes.Contains(out, []byte("--- SKIP")) {
		t.Skipf("%s", out)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "figure:") {
			t.Log(strings.TrimSpace(line))
		}
	}
	return false
}

// Memory is a folder in memory for the image of a file system: on a disk every
// sync of the test would wait for the disk of the machine. Call it privately.
func Memory(t testing.TB, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("moss-test", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { Run(t, "umount", dir) })
	return dir
}

// Loop is a loop device of an image.
func Loop(t testing.TB, image string, options ...string) string {
	t.Helper()
	node := Run(t, "losetup", append(options, "--find", "--show", image)...)
	t.Cleanup(func() { Run(t, "losetup", "--detach", node) })
	return node
}

// Run runs a program that must end well and returns what it said.
func Run(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(need.Program(t, name), args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}
