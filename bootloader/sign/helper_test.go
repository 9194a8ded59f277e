package sign_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"moss/bootloader/sign"
	"moss/internal/testutil"
)

func day() time.Time { return time.Date(2026, 11, 22, 3, 30, 0, 0, time.UTC) }

// Two sets of keys serve all tests: making one takes a second on a slow machine.
var (
	firstSet = sync.OnceValues(func() (string, error) { return makeSet() })
	otherSet = sync.OnceValues(func() (string, error) { return makeSet() })
)

// keyRoom names the folder that these keys are made in.
const keyRoom = "MOSS_TEST_KEYS"

func makeSet() (string, error) {
	root, err := os.MkdirTemp(os.Getenv(keyRoom), "set-*")
	if err == nil {
		_, err = sign.Create(root, day())
	}
	return root, err
}

// TestMain removes the keys that all tests shared.
func TestMain(m *testing.M) {
	room, err := os.MkdirTemp("", "moss-sign-*")
	if err == nil {
		err = os.Setenv(keyRoom, room)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(room)
	os.Exit(code)
}

// newKeys are keys in a folder of their own; otherKeys are never the same.
func newKeys(t testing.TB) *sign.Keys { return copyKeys(t, firstSet) }

func otherKeys(t testing.TB) *sign.Keys { return copyKeys(t, otherSet) }

func copyKeys(t testing.TB, set func() (string, error)) *sign.Keys {
	t.Helper()
	from, err := set()
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	if err := os.CopyFS(root, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	k, err := sign.Load(filepath.Join(root, sign.Home))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// file writes data to a file of its own.
func file(t testing.TB, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image.efi")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", filepath.Base(name), args, err, out)
	}
	return string(out)
}

// realImage is a kernel that its distribution signed, or systemd-boot, whose
// length is odd, or its stub.
func realImage(t testing.TB, name string) string {
	t.Helper()
	switch name {
	case "kernel":
		return testutil.KernelImage(t)
	case "loader":
		return testutil.LoaderFile(t, "systemd-boot*.efi")
	}
	return testutil.LoaderFile(t, "linux*.efi.stub")
}
