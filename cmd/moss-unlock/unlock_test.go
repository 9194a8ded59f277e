package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// opened is what is said once the key is right: where the tests run there
// is no device mapper, or nothing to map.
const opened = "map LUKS container "

func TestPassphrase(t *testing.T) {
	disk := container(t)
	const question = "Passphrase for LUKS device box ("
	t.Run("the second time", func(t *testing.T) {
		s := startUnlock(t, "--device", disk, "--name", "moss-test")
		s.expect(question)
		s.types("wrong\n")
		s.expect("moss-unlock: wrong passphrase, 2 tries left")
		s.expect(question)
		s.types("secret\n")
		s.expect(opened)
		s.ends(failed)
	})
	t.Run("nothing is shown", func(t *testing.T) {
		s := startUnlock(t, "--device", disk, "--name", "moss-test")
		s.expect(question)
		s.types("hidden words\n")
		s.expect("2 tries left")
		s.types("secret\n")
		s.expect(opened)
		if all := s.all.String(); strings.Contains(all, "hidden") || strings.Contains(all, "secret") {
			t.Errorf("the passphrase was shown: %q", all)
		}
		s.ends(failed)
	})
	t.Run("three wrong ones", func(t *testing.T) {
		s := startUnlock(t, "--device", disk, "--name", "moss-test")
		for range 3 {
			s.expect(question)
			s.types("wrong\n")
		}
		s.expect("stays locked: wrong passphrase, and no try is left")
		s.ends(failed)
	})
	t.Run("corrected", func(t *testing.T) {
		s := startUnlock(t, "--device", disk, "--name", "moss-test", "--tries", "1")
		s.expect(question)
		s.types("all wrong\x15secrex\x7ft\n")
		s.expect(opened)
		s.ends(failed)
	})
	t.Run("an empty line is no try", func(t *testing.T) {
		s := startUnlock(t, "--device", disk, "--name", "moss-test", "--tries", "1")
		s.expect(question)
		s.types("\n")
		s.expect(question)
		s.types("secret\n")
		s.expect(opened)
		s.ends(failed)
	})
}

// TestGivenUp: whatever ends the question gives the terminal back.
func TestGivenUp(t *testing.T) {
	disk := container(t)
	for name, test := range map[string]struct{ key, says string }{
		"Ctrl-C": {"half\x03", "given up (interrupt)"},
		"Ctrl-D": {"\x04", "no passphrase was typed"},
	} {
		s := startUnlock(t, "--device", disk, "--name", "moss-test")
		s.expect("Passphrase for")
		s.types(test.key)
		s.expect(test.says)
		s.ends(failed)
		t.Log(name)
	}
	s := startUnlock(t, "--device", disk, "--name", "moss-test")
	s.expect("Passphrase for")
	s.types("half\x1a\x13") // Ctrl-Z and Ctrl-S would hold up the boot
	s.types("\x15secret\n")
	s.expect(opened)
	s.ends(failed)
	s = startUnlock(t, "--device", disk, "--name", "moss-test")
	s.expect("Passphrase for")
	if err := s.cmd.Process.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.expect("given up (terminated)")
	s.ends(failed)
}

func TestKeyFile(t *testing.T) {
	disk := container(t)
	right, wrong := filepath.Join(t.TempDir(), "right"), filepath.Join(t.TempDir(), "wrong")
	for path, text := range map[string]string{right: "secret", wrong: "secret\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := startUnlock(t, "--device", disk, "--name", "moss-test", "--keyfile", right)
	s.expect(opened)
	s.ends(failed)
	for path, says := range map[string]string{wrong: "opens no key slot", wrong + "2": "no such file"} {
		s := startUnlock(t, "--device", disk, "--name", "moss-test", "--keyfile", path)
		s.expect(says)
		s.expect("Passphrase for LUKS device box")
		s.types("secret\n")
		s.expect(opened)
		s.ends(failed)
	}
}

// TestTokenThatCannotBeUsed is told of, and the passphrase asked for. Those that
// can be used are the business of package tpmtoken.
func TestTokenThatCannotBeUsed(t *testing.T) {
	disk := container(t)
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte(`{"type":"systemd-tpm2","keyslots":["0"],"tpm2-pcrs":[7],"tpm2-blob":"AAAAAA==","tpm2-policy-hash":"00","tpm2_pcrlock":true}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cryptsetup", "token", "import", "--json-file", token, disk).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s := startUnlock(t, "--device", disk, "--name", "moss-test", "--tpm2")
	s.expect("pcrlock policy, which moss-unlock does not support; asking for the passphrase")
	s.expect("Passphrase for LUKS device box")
	s.types("secret\n")
	s.expect(opened)
	s.ends(failed)
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{}, {"--device", "x"}, {"--device", "x", "--name", "a/b"}, {"--device", "x", "--name", "a", "more"}, {"--tries", "-1", "--device", "x", "--name", "a"}, {"--nonsense"}} {
		s := startUnlock(t, args...)
		s.expect("usage: moss-unlock")
		s.ends(misuse)
	}
	s := startUnlock(t, "--device", os.DevNull, "--name", "a")
	s.expect("LUKS header")
	s.ends(failed)
}
