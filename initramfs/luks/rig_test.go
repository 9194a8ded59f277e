package luks_test

import (
	"bytes"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"moss/initramfs/luks"
	"moss/internal/testutil/need"
)

const passphrase = "correct horse ñ"

// quick are derivations that cost nothing.
var (
	quickArgon  = []string{"--type", "luks2", "--pbkdf", "argon2id", "--pbkdf-force-iterations", "4", "--pbkdf-memory", "64", "--pbkdf-parallel", "2"}
	quickPBKDF2 = []string{"--type", "luks2", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"}
	quickFirst  = []string{"--type", "luks1", "--pbkdf-force-iterations", "1000", "-c", "aes-xts-plain64", "-s", "512"}
)

// format makes a container in a file, as cryptsetup does.
func format(t testing.TB, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 20<<20); err != nil {
		t.Fatal(err)
	}
	cryptsetup(t, passphrase, append(append([]string{"luksFormat", "-q"}, args...), path, "-")...)
	return path
}

func cryptsetup(t testing.TB, input string, args ...string) string {
	t.Helper()
	need.Program(t, "cryptsetup")
	cmd := exec.Command("cryptsetup", args...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("cryptsetup %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// volumeKey is the key as cryptsetup tells it.
func volumeKey(t testing.TB, path string) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "pass")
	if err := os.WriteFile(file, []byte(passphrase), 0o600); err != nil {
		t.Fatal(err)
	}
	out := cryptsetup(t, "", "luksDump", "-q", "--dump-volume-key", "--key-file", file, path)
	_, dump, _ := strings.Cut(out, "MK dump:")
	key, err := hex.DecodeString(strings.Join(strings.Fields(dump), ""))
	if err != nil || len(key) < 32 {
		t.Fatalf("no volume key in:\n%s", out)
	}
	return key
}

func open(t testing.TB, path string) *luks.Container {
	t.Helper()
	c, err := luks.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// front is a copy of a container without its data.
func front(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(to, data[:17<<20], 0o600); err != nil {
		t.Fatal(err)
	}
	return to
}

// patch writes bytes into a file.
func patch(t testing.TB, path string, at int64, data []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(data, at); err != nil {
		t.Fatal(err)
	}
}

// rewrite changes the text of both copies of a LUKS2 header, and makes their
// checksums right again: damage that only judgement finds.
func rewrite(t testing.TB, path, from, to string) {
	t.Helper()
	for _, at := range []int64{0, 16 << 10} {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		data := make([]byte, 16<<10)
		_, err = f.ReadAt(data, at)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		text := bytes.TrimRight(data[4096:], "\x00")
		changed := bytes.ReplaceAll(text, []byte(from), []byte(to))
		if bytes.Equal(text, changed) {
			t.Fatalf("%q is not in the header:\n%s", from, text)
		}
		clear(data[4096:])
		copy(data[4096:], changed)
		luks.Seal(data)
		patch(t, path, at, data)
	}
}
