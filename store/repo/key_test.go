package repo_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"moss/internal/testutil/need"
	"moss/store/repo"
)

func TestGenerateKeyNeverOverwrites(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "k")
	public, err := repo.GenerateKey(path, "")
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("secret key: %v %v, want mode 0600", info.Mode(), err)
	}
	for _, given := range []string{public, path + ".pub"} {
		if got, err := repo.LoadKey(given); err != nil || got != public {
			t.Errorf("LoadKey(%s): got %s %v, want %s", given, got, err, public)
		}
	}
	key, err := repo.LoadSigningKey(path, nil)
	if err != nil || key.Public() != public {
		t.Errorf("got %v %v", key, err)
	}
	secret, open := read(t, path), read(t, path+".pub")
	for _, gone := range []string{"", path, path + ".pub"} {
		if gone != "" {
			if err := os.Rename(gone, gone+".away"); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := repo.GenerateKey(path, ""); err == nil || !strings.Contains(err.Error(), "never overwritten") {
			t.Errorf("without %s: got %v", gone, err)
		}
		if gone != "" {
			if err := os.Rename(gone+".away", gone); err != nil {
				t.Fatal(err)
			}
		}
		if read(t, path) != secret || read(t, path+".pub") != open {
			t.Fatal("a key was changed")
		}
	}
}

func TestLoadKeyRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "big", strings.Repeat("x", 5000))
	write(t, dir, "secret", "untrusted comment: minisign encrypted secret key\nRWQAAEIyAAAA\n")
	path := filepath.Join(dir, "pair")
	if _, err := repo.GenerateKey(path, ""); err != nil {
		t.Fatal(err)
	}
	_, err := repo.LoadKey(path)
	if line := strings.Split(read(t, path), "\n")[1]; err == nil || !strings.Contains(err.Error(), "it is the secret key") || strings.Contains(err.Error(), line[:12]) {
		t.Errorf("secret key as public one: got %v", err)
	}
	for _, given := range []string{"RWfoo", "nonexistent", dir, filepath.Join(dir, "big"), filepath.Join(dir, "secret"), ""} {
		if got, err := repo.LoadKey(given); err == nil {
			t.Errorf("LoadKey(%q): got %s", given, got)
		}
		if _, err := repo.LoadSigningKey(given, func() (string, error) { return "", nil }); err == nil {
			t.Errorf("LoadSigningKey(%q): no error", given)
		}
	}
}

// lockedKey is locked with "open sesame" as minisign does it, but with the least
// of work instead of some seconds and 1 GiB of memory.
const lockedKey = `untrusted comment: minisign encrypted secret key
RWRTY0IyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAgAAAAAAAAAAAAAEAAAAARqIAm/fpCrkpNuVc4zn6nWhZaoROS03w1m9BCsYYWPHyB6JRpMPBq2gcT//Ce891CpEDBGR4kcqGtLZtQBhwRuhOnl6BPwwsAFv2CJRancI8TzJG0V/zwerRJ25lORSa3CW97n8nmY8=
`

func TestPassphraseOpensAKey(t *testing.T) {
	t.Parallel()
	const public = "RWSRZjRsu8fyxp34h0FENb0PMesYcTiQBxnEQmxsQud85S5TfYqgWfbk"
	dir := t.TempDir()
	write(t, dir, "k", lockedKey)
	say := func(words string) func() (string, error) { return func() (string, error) { return words, nil } }
	key, err := repo.LoadSigningKey(filepath.Join(dir, "k"), say("open sesame"))
	if err != nil || key.Public() != public {
		t.Errorf("got %v %v", key, err)
	}
	var wrong *repo.PassphraseError
	if _, err := repo.LoadSigningKey(filepath.Join(dir, "k"), say("open barley")); !errors.As(err, &wrong) {
		t.Errorf("wrong passphrase: got %v", err)
	}
	if _, err := repo.LoadSigningKey(filepath.Join(dir, "k"), func() (string, error) { return "", os.ErrClosed }); !errors.Is(err, os.ErrClosed) {
		t.Errorf("no passphrase to be had: got %v", err)
	}
}

// TestPassphraseLocksAKey takes seconds and 1 GiB of memory, which is what the
// key's format demands on purpose.
func TestPassphraseLocksAKey(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("locking a key takes seconds and 1 GiB of memory")
	}
	path := filepath.Join(t.TempDir(), "k")
	if _, err := repo.GenerateKey(path, "open sesame"); err != nil {
		t.Fatal(err)
	}
	asked := errors.New("asked")
	if _, err := repo.LoadSigningKey(path, func() (string, error) { return "", asked }); !errors.Is(err, asked) {
		t.Errorf("got %v, want to be asked for the passphrase", err)
	}
}

// TestRealMinisign holds our files against the program whose formats they are.
func TestRealMinisign(t *testing.T) {
	t.Parallel()
	program := need.Program(t, "minisign")
	run := func(want string, args ...string) {
		t.Helper()
		if out, err := exec.Command(program, args...).CombinedOutput(); err != nil || !strings.Contains(string(out), want) {
			t.Errorf("minisign %v: %v\n%s", args, err, out)
		}
	}
	// Theirs reads ours.
	dir := t.TempDir()
	path, index := filepath.Join(dir, "k"), filepath.Join(dir, "stone.index")
	public, err := repo.GenerateKey(path, "")
	if err != nil {
		t.Fatal(err)
	}
	key, err := repo.LoadSigningKey(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := repo.WriteIndex(dir, nil, key, time.Now()); err != nil {
		t.Fatal(err)
	}
	run("Signature and comment signature verified", "-V", "-P", public, "-m", index)
	run("timestamp:", "-V", "-H", "-p", path+".pub", "-m", index)
	run("", "-R", "-s", path, "-p", filepath.Join(dir, "again.pub"))
	if again, err := repo.LoadKey(filepath.Join(dir, "again.pub")); err != nil || again != public {
		t.Errorf("minisign made %s of our secret key (%v), want %s", again, err, public)
	}

	// Ours reads theirs: key, and an index that they signed, old format too.
	theirs := filepath.Join(dir, "t")
	run("", "-G", "-W", "-p", theirs+".pub", "-s", theirs)
	pinned, err := repo.LoadKey(theirs + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	add(t, root, repo.Repository{Name: "theirs", URI: dir, Key: pinned, Enabled: true})
	for i, legacy := range [][]string{nil, {"-l"}} {
		at := fmt.Sprintf("timestamp:%d", time.Now().Unix()+int64(i))
		run("", append([]string{"-S", "-s", theirs, "-m", index, "-t", at}, legacy...)...)
		if _, err := repo.Update(t.Context(), root, nil, impatient()); err != nil {
			t.Errorf("index that minisign %v signed: %v", legacy, err)
		}
	}
	if key, err := repo.LoadSigningKey(theirs, nil); err != nil || key.Public() != pinned {
		t.Errorf("their secret key: %v", err)
	}
}
