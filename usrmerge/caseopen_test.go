package usrmerge_test

import (
	"os"
	"testing"

	"moss/usrmerge"
)

// TestNothingStaysOpen: a folder that stays open keeps the root from being unmounted.
func TestNothingStaysOpen(t *testing.T) {
	dir := inMemory(t)
	e := everything(true)
	plant(t, dir, e.tree)
	before := openFiles(t)
	want := func(after string) {
		t.Helper()
		if now := openFiles(t); now != before {
			t.Errorf("after %s: got %d open files, want %d", after, now, before)
		}
	}
	found, err := usrmerge.Scan(usrmerge.Options{Root: dir})
	if err != nil {
		t.Fatal(err)
	}
	found.Plan()
	want("a scan")
	stopAt(t, dir, "verify")
	want("a merge that was stopped")
	merge(t, dir)
	want("a merge")
	merge(t, dir)
	want("a merge with nothing to do")
	if err := usrmerge.Check(usrmerge.Options{Root: dir}); err != nil {
		t.Error(err)
	}
	want("a check")
}

func openFiles(t *testing.T) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}
