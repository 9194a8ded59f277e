//go:build faultinject

package bootloader_test

import (
	"slices"
	"testing"

	"moss/bootloader"
)

// TestBlessInterrupted: at every point there is a whole entry, and the next bless
// finishes the work.
func TestBlessInterrupted(t *testing.T) {
	for _, c := range []struct {
		point string
		left  []string
	}{
		{"bless/write", []string{"1-6.1_+2-1.conf"}},
		{"bless/drop", []string{"1-6.1_+2-1.conf", "1-6.1_.conf"}},
		{"bless/done", []string{"1-6.1_.conf"}},
	} {
		r := menuOf(t, "1-6.1_+2-1")
		t.Setenv("MOSS_FAULT", c.point+":error")
		if _, err := bootloader.Bless(r.scan(), "moss-"+token+"-1-6.1_+2-1.conf", true); err == nil {
			t.Errorf("%s: got no error", c.point)
		}
		if got := r.entries(); !slices.Equal(got, c.left) {
			t.Errorf("%s: got %v, want %v", c.point, got, c.left)
		}
		t.Setenv("MOSS_FAULT", "")
		if got := r.bless(c.left[0][:len(c.left[0])-len(".conf")], true); got != "1-6.1_" || !slices.Equal(r.entries(), []string{"1-6.1_.conf"}) {
			t.Errorf("%s: then got %s and %v", c.point, got, r.entries())
		}
	}
}
