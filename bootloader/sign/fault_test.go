//go:build faultinject

package sign_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"moss/bootloader/sign"
)

// TestCreateCut: wherever making keys ends, there are none, and the next run
// makes them; never a part of them.
func TestCreateCut(t *testing.T) {
	for _, point := range []string{"keys/owner", "keys/rename"} {
		root := t.TempDir()
		t.Setenv("MOSS_FAULT", point+":error")
		if _, err := sign.Create(root, day()); err == nil {
			t.Fatalf("%s: no error", point)
		}
		if _, err := sign.Find(root); !errors.Is(err, sign.ErrNoKeys) {
			t.Errorf("%s: got %v, want %v", point, err, sign.ErrNoKeys)
		}
		owner, err := os.ReadFile(filepath.Join(root, "var/lib/sbctl/GUID"))
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv("MOSS_FAULT", "")
		k, err := sign.Create(root, day())
		if err != nil || k.Owner != string(owner) {
			t.Errorf("%s: the next run: got owner %v, %v, want %s", point, k, err, owner)
		}
	}
}
