package luks_test

import (
	"bytes"
	"crypto"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"moss/initramfs/luks"
)

// TestKey: the key that is found is the one that cryptsetup finds. The library
// does not give it away, only what HMAC makes of it.
func TestKey(t *testing.T) {
	for name, args := range map[string][]string{
		"LUKS2 argon2id":    append([]string{"--label", "my disk"}, quickArgon...),
		"LUKS2 argon2i":     {"--type", "luks2", "--pbkdf", "argon2i", "--pbkdf-force-iterations", "4", "--pbkdf-memory", "64"},
		"LUKS2 pbkdf2":      quickPBKDF2,
		"LUKS2 4 KiB":       append([]string{"--sector-size", "4096", "-s", "256"}, quickPBKDF2...),
		"LUKS2 sha512":      append([]string{"--hash", "sha512"}, quickPBKDF2...),
		"LUKS2 big header":  append([]string{"--luks2-metadata-size", "64k"}, quickPBKDF2...),
		"LUKS1":             quickFirst,
		"LUKS1 sha512, 256": {"--type", "luks1", "--pbkdf-force-iterations", "1000", "-c", "aes-xts-plain64", "-s", "256", "--hash", "sha512"},
	} {
		if testing.Short() && name != "LUKS2 argon2id" && name != "LUKS1" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := format(t, args...)
			c := open(t, path)
			if _, err := c.Unseal([]byte("wrong")); !errors.Is(err, luks.ErrWrong) {
				t.Errorf("a wrong passphrase: got %v, want ErrWrong", err)
			}
			sameKey(t, c, path)
		})
	}
}

func sameKey(t *testing.T, c *luks.Container, path string) {
	t.Helper()
	volume, err := c.Unseal([]byte(passphrase))
	if err != nil {
		t.Fatal(err)
	}
	got, err := volume.HMAC(crypto.SHA256, []byte("moss"))
	if err != nil {
		t.Fatal(err)
	}
	want := hmac.New(sha256.New, volumeKey(t, path))
	want.Write([]byte("moss"))
	if !bytes.Equal(got, want.Sum(nil)) {
		t.Error("the volume key is not the one that cryptsetup tells")
	}
}

func TestHeader(t *testing.T) {
	t.Parallel()
	const uuid = "01234567-89ab-4cde-8f01-23456789abcd"
	path := format(t, append([]string{"--label", "my disk", "--uuid", uuid}, quickPBKDF2...)...)
	cryptsetup(t, passphrase+"\nsecond\n", "luksAddKey", "-q", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", "--key-slot", "5", path)
	cryptsetup(t, passphrase+"\nthird\n", "luksAddKey", "-q", "--pbkdf", "argon2id", "--pbkdf-force-iterations", "4", "--pbkdf-memory", "128", "--key-slot", "3", path)
	cryptsetup(t, "", "config", "--key-slot", "5", "--priority", "prefer", path)
	cryptsetup(t, `{"type":"mine","keyslots":["3"]}`, "token", "import", path)
	want := &luks.Header{Version: 2, UUID: uuid, Label: "my disk", Cipher: "aes-xts-plain64",
		Slots: []luks.Slot{{Number: 5, Priority: 2}, {Number: 0, Priority: 1}, {Number: 3, Priority: 1, Memory: 128 << 10}}}
	got := open(t, path).Header
	if len(got.Tokens) != 1 || got.Tokens[0].Type != "mine" || !cmp.Equal(got.Tokens[0].Slots, []int{3}) {
		t.Errorf("tokens: got %+v", got.Tokens)
	}
	want.Tokens = got.Tokens
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(luks.Header{})); diff != "" {
		t.Error(diff)
	}
	if volume, err := open(t, path).Unseal([]byte("third")); err != nil || volume == nil {
		t.Errorf("the last slot: %v", err)
	}
	cryptsetup(t, "", "config", "--key-slot", "3", "--priority", "ignore", path)
	if _, err := open(t, path).Unseal([]byte("third")); !errors.Is(err, luks.ErrWrong) {
		t.Errorf("a slot to be ignored: got %v, want ErrWrong", err)
	}
}

// TestKeyFile: any bytes are a key, a newline and zeros too.
func TestKeyFile(t *testing.T) {
	t.Parallel()
	path := format(t, quickPBKDF2...)
	key := "line\n\x00more\n"
	file := t.TempDir() + "/key"
	if err := os.WriteFile(file, []byte(key), 0o600); err != nil {
		t.Fatal(err)
	}
	cryptsetup(t, passphrase, "luksAddKey", "-q", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", path, file)
	if _, err := open(t, path).Unseal([]byte(key)); err != nil {
		t.Error(err)
	}
	if _, err := open(t, path).Unseal([]byte("line")); !errors.Is(err, luks.ErrWrong) {
		t.Errorf("half of a key: got %v, want ErrWrong", err)
	}
}

// TestMended: a power cut while cryptsetup writes a header leaves the other one.
func TestMended(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]string{"small header": "16k", "larger header": "128k"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := format(t, append([]string{"--luks2-metadata-size", size}, quickPBKDF2...)...)
			good := front(t, path)
			patch(t, path, 5000, []byte("torn"))
			c := open(t, path)
			if !c.Mended() {
				t.Error("the second header was not taken")
			}
			sameKey(t, c, good)
		})
	}
	t.Run("a newer second one", func(t *testing.T) {
		t.Parallel()
		path := format(t, quickPBKDF2...)
		before, err := os.ReadFile(front(t, path))
		if err != nil {
			t.Fatal(err)
		}
		cryptsetup(t, passphrase+"\nsecond\n", "luksAddKey", "-q", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", path)
		patch(t, path, 0, before[:16<<10]) // the cut came between the two
		c := open(t, path)
		if !c.Mended() || len(c.Header.Slots) != 2 {
			t.Errorf("mended %v, slots %v", c.Mended(), c.Header.Slots)
		}
	})
	t.Run("neither", func(t *testing.T) {
		path := format(t, quickPBKDF2...)
		patch(t, path, 5000, []byte("torn"))
		patch(t, path, 5000+16<<10, []byte("torn"))
		if _, err := luks.Open(path); err == nil || !strings.Contains(err.Error(), "luksHeaderRestore") {
			t.Errorf("got %v", err)
		}
	})
}
