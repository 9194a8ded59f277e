package bootloader_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"moss/bootloader"
	"moss/internal/testutil"
)

// TestLookShowsWhatScanShows: a list needs no hash, a plan refuses to go without.
func TestLookShowsWhatScanShows(t *testing.T) {
	r := newRig(t, testutil.Tree{"loader/entries/other.conf": "title Other\nlinux /vmlinuz\n", "vmlinuz": "x"})
	w := want(r.state(1, "6.1=a"), r.state(2, "6.1=b"))
	r.sync(w)
	looked, err := bootloader.Look(r.boot, token)
	if err != nil {
		t.Fatal(err)
	}
	marks := bootloader.Marks{Booted: 1}
	if diff := cmp.Diff(bootloader.List(r.scan(), marks), bootloader.List(looked, marks)); diff != "" {
		t.Errorf("a look shows another menu than a scan (-scan +look):\n%s", diff)
	}
	if len(looked.Files) != 2 {
		t.Errorf("got %d files, want 2", len(looked.Files))
	}
	for path, content := range looked.Files {
		if content.Hash != "" || content.Size != 1 {
			t.Errorf("%s: got %+v, want the size alone", path, content)
		}
	}
	if plan, err := bootloader.MakePlan(w, looked); err == nil {
		t.Errorf("a plan without hashes was made: %v", plan.Steps)
	}
}
