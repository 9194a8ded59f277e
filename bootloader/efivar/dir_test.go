package efivar_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"moss/bootloader/efivar"
)

const fsImmutable = 0x10

// lock does what efivarfs does to every new file; the flag is taken off again at
// the end, or the folder could not be removed.
func lock(t *testing.T, path string) {
	t.Helper()
	setFlags(t, path, fsImmutable)
	t.Cleanup(func() {
		if _, err := os.Stat(path); err == nil {
			setFlags(t, path, 0)
		}
	})
}

func setFlags(t *testing.T, path string, bits uint32) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := unix.IoctlSetPointerInt(int(file.Fd()), unix.FS_IOC_SETFLAGS, int(bits)); err != nil {
		t.Skipf("the file system of %s has no immutable flag: %v", filepath.Dir(path), err)
	}
}

func locked(t *testing.T, path string) bool {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	flags, err := unix.IoctlGetUint32(int(file.Fd()), unix.FS_IOC_GETFLAGS)
	if err != nil {
		t.Fatal(err)
	}
	return flags&fsImmutable != 0
}

func TestImmutableFilesAreUnlockedAndLockedAgain(t *testing.T) {
	vars := efivar.Dir(t.TempDir())
	key := efivar.Loader("LoaderEntryDefault")
	path := filepath.Join(string(vars), key.String())
	if err := vars.Write(key, []byte("one"), efivar.Stored); err != nil {
		t.Fatal(err)
	}
	lock(t, path)
	if err := os.WriteFile(path, []byte("x"), 0o644); err == nil {
		t.Fatal("got a plain write done, want the flag to forbid it")
	}
	if err := vars.Write(key, []byte("two"), efivar.Stored); err != nil {
		t.Fatal(err)
	}
	if got, _, err := vars.Read(key); err != nil || string(got) != "two" {
		t.Errorf("got %q, %v, want %q", got, err, "two")
	}
	if !locked(t, path) {
		t.Error("got the file unlocked after the write, want the flag back")
	}
	if err := vars.Delete(key); err != nil {
		t.Errorf("delete: %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want the file gone", err)
	}
}

func TestEqualValuesAreNotWritten(t *testing.T) {
	vars := efivar.Dir(t.TempDir())
	key := efivar.Loader("LoaderEntryDefault")
	path := filepath.Join(string(vars), key.String())
	if err := vars.Write(key, []byte("one"), efivar.Stored); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o444); err != nil {
		t.Fatal(err)
	}
	lock(t, path)
	if err := vars.Write(key, []byte("one"), efivar.Stored); err != nil {
		t.Fatal(err)
	}
	if after, err := os.Stat(path); err != nil || !after.ModTime().Equal(before.ModTime()) {
		t.Errorf("got %v, %v, want the file untouched since %v", after.ModTime(), err, before.ModTime())
	}
}

// The bytes on disk are efivarfs' own: four of attributes, then the value.
func TestDirFormat(t *testing.T) {
	dir := t.TempDir()
	key := efivar.Loader("LoaderEntryOneShot")
	if err := efivar.SetText(efivar.Dir(dir), key.Name, "ä.conf"); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "LoaderEntryOneShot-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"))
	want := "\x07\x00\x00\x00\xe4\x00.\x00c\x00o\x00n\x00f\x00\x00\x00"
	if err != nil || string(got) != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestDirReadsWhatFirmwareLeaves(t *testing.T) {
	dir := t.TempDir()
	write := func(name, raw string) efivar.Key {
		if err := os.WriteFile(filepath.Join(dir, efivar.Loader(name).String()), []byte(raw), 0o644); err != nil {
			t.Fatal(err)
		}
		return efivar.Loader(name)
	}
	vars := efivar.Dir(dir)
	if _, _, err := vars.Read(write("Refused", "")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty file: got %v, want that it does not exist", err)
	}
	if _, _, err := vars.Read(write("Short", "\x07\x00")); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("half the attributes: got %v, want another error", err)
	}
	if got, attrs, err := vars.Read(write("Empty", "\x06\x00\x00\x00")); err != nil || len(got) != 0 || attrs != efivar.Volatile {
		t.Errorf("no value: got %q, %d, %v, want an empty one", got, attrs, err)
	}
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Join(dir, "absent")} {
		if _, err := efivar.Open(path); !errors.Is(err, efivar.ErrNone) {
			t.Errorf("%s: got %v, want no variables", path, err)
		}
	}
	if err := efivar.SetText(efivar.Dir(dir), "LoaderInfo", "x"); err != nil {
		t.Fatal(err)
	}
	if _, err := efivar.Open(dir); err != nil {
		t.Error(err)
	}
}
