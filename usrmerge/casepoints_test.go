package usrmerge_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"moss/internal/testutil"
	"moss/usrmerge"
)

// points are the fault points of a merge, in its order. Without the build tag
// faultinject nothing happens there, and the tests play whole runs only.
var points = []string{
	"usr-merge/recover", "usr-merge/folders", "usr-merge/folder-made", "usr-merge/link", "usr-merge/linked", "usr-merge/relink", "usr-merge/relinked",
	"usr-merge/taken", "usr-merge/mirrored", "usr-merge/carry", "usr-merge/carry-link", "usr-merge/carried", "usr-merge/orphans", "usr-merge/orphaned",
	"usr-merge/indexes", "usr-merge/index-taken", "usr-merge/sync", "usr-merge/verify", "usr-merge/exchange", "usr-merge/exchanging", "usr-merge/exchanged",
	"usr-merge/settle", "usr-merge/check", "usr-merge/remove", "usr-merge/removing",
}

// copyPoints are those of a merge when /usr is on another device: it copies, and
// carries nothing.
func copyPoints() []string {
	carried := func(point string) bool {
		return strings.HasPrefix(point, "usr-merge/carr") && point != "usr-merge/carry"
	}
	return append(slices.DeleteFunc(slices.Clone(points), carried), "usr-merge/copy", "usr-merge/staged")
}

// shortOnlyInjected leaves a test to the long run where no fault point acts.
func shortOnlyInjected(t *testing.T) {
	t.Helper()
	if testing.Short() && !injected {
		t.Skip("nothing stops at a point in this build")
	}
}

// cutHere runs a merge that stops at a point in a certain way and tells whether it did.
func cutHere(t *testing.T, dir, point, kind string) (stopped bool, err error) {
	t.Helper()
	if kind == "kill" {
		c := startChild(t, dir, "MOSS_FAULT="+point+":kill")
		return c.wait(t) == "", nil
	}
	t.Setenv("MOSS_FAULT", point+":"+kind)
	defer t.Setenv("MOSS_FAULT", "")
	_, err = usrmerge.Run(t.Context(), usrmerge.Options{Root: dir})
	return err != nil, err
}

// cutEverywhere stops at each point in each way: everything works on, and the next
// run ends in the tree of one that nothing disturbed.
func cutEverywhere(t *testing.T, e example, fresh func(t *testing.T) string, points []string) {
	dir := fresh(t)
	plant(t, dir, e.tree)
	merge(t, dir)
	want := take(t, dir)
	kinds := []string{"error", "ENOSPC", "EIO", "kill"}
	if !injected {
		points, kinds = points[:1], kinds[:1] // nothing happens at any of them
	}
	for _, point := range points {
		for _, kind := range kinds {
			t.Run(strings.TrimPrefix(point, "usr-merge/")+" "+kind, func(t *testing.T) {
				dir := fresh(t)
				plant(t, dir, e.tree)
				before := take(t, dir)
				stopped, err := cutHere(t, dir, point, kind)
				if stopped != injected {
					t.Errorf("got stopped %v (%v), want %v", stopped, err, injected)
				}
				wantNamed(t, kind, err)
				wantContinued(t, e, dir, before, want)
			})
		}
	}
}

// wantNamed: an error of the system is still that error when it comes out.
func wantNamed(t *testing.T, kind string, err error) {
	t.Helper()
	for _, errno := range []unix.Errno{unix.ENOSPC, unix.EIO} {
		if injected && kind == unix.ErrnoName(errno) && !errors.Is(err, errno) {
			t.Errorf("got %v, want %s", err, kind)
		}
	}
}

// TestCutAtEveryPoint: an error, a full disk, a broken disk and SIGKILL.
func TestCutAtEveryPoint(t *testing.T) {
	shortOnlyInjected(t)
	n := 0
	cutEverywhere(t, everything(true), func(t *testing.T) string {
		n++
		dir := filepath.Join(inMemory(t), fmt.Sprint(n))
		plant(t, dir, "usr/")
		return dir
	}, points)
}

// TestCutAtEveryPointOfACopy: the same with /usr on another device.
func TestCutAtEveryPointOfACopy(t *testing.T) {
	shortOnlyInjected(t)
	if !testutil.Privately(t) {
		return
	}
	cutEverywhere(t, everything(false), func(t *testing.T) string { return smallUsr(t, "size=64m") }, copyPoints())
}

// TestExchangeAcrossLayers: where the kernel refuses to exchange a folder (EXDEV), it
// is merged entry by entry and the end is the same.
func TestExchangeAcrossLayers(t *testing.T) {
	shortOnlyInjected(t)
	e := everything(true)
	want := undisturbed(t, e)
	for _, point := range []string{"usr-merge/carry-link", "usr-merge/carried"} {
		t.Run(point, func(t *testing.T) {
			dir := inMemory(t)
			plant(t, dir, e.tree)
			before := take(t, dir)
			_, _ = cutHere(t, dir, point, "EXDEV")
			wantContinued(t, e, dir, before, want)
		})
	}
}

// TestCutWhileRecovering: a run that puts the leftovers of another away may be cut
// as well.
func TestCutWhileRecovering(t *testing.T) {
	shortOnlyInjected(t)
	e := everything(true)
	want := undisturbed(t, e)
	for _, first := range []string{"usr-merge/exchanged", "usr-merge/removing", "usr-merge/carry-link"} {
		for _, kind := range []string{"error", "kill"} {
			if !injected && kind == "kill" {
				continue
			}
			t.Run(strings.TrimPrefix(first, "usr-merge/")+" "+kind, func(t *testing.T) {
				dir := inMemory(t)
				plant(t, dir, e.tree)
				before := take(t, dir)
				_, _ = cutHere(t, dir, first, kind)
				_, _ = cutHere(t, dir, "usr-merge/recovered", kind)
				wantContinued(t, e, dir, before, want)
			})
		}
	}
}
