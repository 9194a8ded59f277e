package efivar_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"moss/bootloader/efivar"
)

func TestChangeErrorSaysWhatHelps(t *testing.T) {
	for _, c := range []struct {
		cause error
		want  string
	}{
		{unix.ENOSPC, "dump-type0-"},
		{unix.EROFS, "remount,rw /sys/firmware/efi/efivars"},
		{unix.EPERM, "root"},
		{unix.EACCES, "root"},
		{unix.EIO, "firmware refused"},
	} {
		err := &efivar.ChangeError{Op: "write", Name: "LoaderEntryOneShot", Err: &fs.PathError{Op: "open", Path: "/x", Err: c.cause}}
		if !strings.Contains(err.Hint(), c.want) || strings.Contains(err.Error()+err.Hint(), "\n") {
			t.Errorf("%v: got the hint %q, want %q in it, on one line", err, err.Hint(), c.want)
		}
		if !errors.Is(err, c.cause) || !strings.HasPrefix(err.Error(), "write EFI variable LoaderEntryOneShot: ") {
			t.Errorf("got %v, want the variable and the cause", err)
		}
	}
}

// TestARefusedChangeIsAChangeError: the folder is a file system that refuses
// what it is asked: the name is taken by a folder that is not empty.
func TestARefusedChangeIsAChangeError(t *testing.T) {
	dir, key := t.TempDir(), efivar.Loader("LoaderEntryOneShot")
	if err := os.MkdirAll(filepath.Join(dir, key.String(), "full"), 0o755); err != nil {
		t.Fatal(err)
	}
	var refused *efivar.ChangeError
	if err := efivar.Dir(dir).Write(key, []byte("x"), efivar.Stored); !errors.As(err, &refused) || refused.Op != "write" || refused.Name != key.Name {
		t.Errorf("write: got %v", err)
	}
	if err := efivar.Dir(dir).Delete(key); !errors.As(err, &refused) || refused.Op != "delete" {
		t.Errorf("delete: got %v", err)
	}
}
