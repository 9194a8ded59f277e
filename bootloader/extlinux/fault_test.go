//go:build faultinject

package extlinux_test

import (
	"path/filepath"
	"testing"

	"moss/bootloader/bls"
	"moss/bootloader/extlinux"
	"moss/internal/testutil"
)

// TestInterrupted: what was cut is finished by the next sync, and until then no
// file is half one.
func TestInterrupted(t *testing.T) {
	whole := t.TempDir()
	want := extlinux.Want{Entries: []bls.Entry{state(t, 1, "os")}, Alone: true}
	run(t, whole, want)
	for _, point := range []string{"extlinux/folder", "extlinux/entries", "extlinux/config"} {
		dir := t.TempDir()
		found, err := extlinux.Look(dir, "0123456789ab")
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv("MOSS_FAULT", point+":error")
		if err := extlinux.Apply(extlinux.MakePlan(want, found)); err == nil {
			t.Errorf("%s: got no error", point)
		}
		t.Setenv("MOSS_FAULT", "")
		run(t, dir, want)
		for _, name := range []string{ours, "extlinux.conf"} {
			name = filepath.Join("extlinux", name)
			if got, want := testutil.Read(t, filepath.Join(dir, name)), testutil.Read(t, filepath.Join(whole, name)); got != want {
				t.Errorf("%s: %s is %q, want %q", point, name, got, want)
			}
		}
	}
}
