package fetch_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"moss/internal/testutil/need"
	"moss/store/fetch"
)

// TestFullDisk runs itself again in a mount namespace of its own, on a file
// system of half the room that the file needs.
func TestFullDisk(t *testing.T) {
	if dir := os.Getenv("MOSS_TEST_FULL"); dir != "" {
		fillDisk(t, dir)
		return
	}
	need.Root(t, "mounting a file system")
	cmd := exec.Command(os.Args[0], "-test.run=^TestFullDisk$", "-test.v")
	cmd.Env = append(os.Environ(), "MOSS_TEST_FULL="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestFullDisk") {
		t.Fatalf("%v\n%s", err, out)
	}
}

func fillDisk(t *testing.T, dir string) {
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=160k"); err != nil {
		t.Fatal(err)
	}
	data := content(1)
	s := serve(t, good(data))
	file := target(t, s.URL, data)
	file.Path = filepath.Join(dir, "nano.stone")
	err := run(t, file)
	full, ok := errors.AsType[*fetch.SpaceError](err)
	if !ok || !errors.Is(err, unix.ENOSPC) || !strings.Contains(full.Hint(), dir) || s.requests() != 1 {
		t.Fatalf("got %v after %d requests, want one SpaceError that names %s", err, s.requests(), dir)
	}
	holds(t, file, "nano.stone.part")
	if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_REMOUNT, "size=1m"); err != nil {
		t.Fatal(err)
	}
	if err := run(t, file); err != nil {
		t.Fatal(err)
	}
	arrived(t, file, data)
}
