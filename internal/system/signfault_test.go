//go:build faultinject

package system

import (
	"os"
	"path/filepath"
	"testing"

	"moss/bootloader/sign"
)

// TestSigningCut: wherever signing or sweeping ends, no file under its final name
// is anything but finished, and the next run finishes.
func TestSigningCut(t *testing.T) {
	root, k := withKeys(t)
	usr := filepath.Join(root, "usr")
	for _, c := range []struct {
		point string
		run   func(*signer) (string, error)
	}{
		{"sign/image", func(s *signer) (string, error) { return s.image(filepath.Join(usr, "kernel")) }},
		{"sign/unify", func(s *signer) (string, error) {
			one, err := s.unify(plainKernel(root, "moss.fstx=1"), usr)
			return one.Image, err
		}},
		{"sign/unified", func(s *signer) (string, error) {
			one, err := s.unify(plainKernel(root, "moss.fstx=2"), usr)
			return one.Image, err
		}},
		{"sign/sweep", func(s *signer) (string, error) {
			path, err := s.image(filepath.Join(usr, "kernel"))
			if err == nil {
				err = sweepSigned(root, []string{path})
			}
			return path, err
		}},
	} {
		t.Setenv("MOSS_FAULT", c.point+":error")
		s, _ := testSigner(t, root, SignAuto, true)
		if _, err := c.run(s); err == nil {
			t.Errorf("%s: no error", c.point)
		}
		rows, err := os.ReadDir(signedDir(root))
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			if err := sign.Verify(filepath.Join(signedDir(root), row.Name()), k.ByDB()); err != nil {
				t.Errorf("%s: %v", c.point, err)
			}
		}
		t.Setenv("MOSS_FAULT", "")
		s, _ = testSigner(t, root, SignAuto, true)
		if path, err := c.run(s); err != nil || sign.Verify(path, k.ByDB()) != nil {
			t.Errorf("%s: the next run: %s, %v", c.point, path, err)
		}
	}
	if rows, err := os.ReadDir(signedDir(root)); err != nil || len(rows) != 1 {
		t.Errorf("got %d files, %v, want the one that is kept", len(rows), err)
	}
}
