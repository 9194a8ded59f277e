//go:build faultinject

package system_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moss/internal/testutil"
)

// TestCutBeforeASystemTriggerLeavesThemPending: whatever ends the run, the mark
// is still there, and the next run does the rest.
func TestCutBeforeASystemTriggerLeavesThemPending(t *testing.T) {
	const self = "TestCutBeforeASystemTriggerLeavesThemPending"
	if os.Getenv("MOSS_TEST_INSIDE") != "" {
		runInside(t, true)
		return
	}
	root := newRoot(t)
	install(t, options(root), base(), hostPrograms(t, "touch"), testutil.Stone{Name: "p", Files: testutil.Tree{
		sysFolder + "a.yaml": sysTrigger("a", "run: touch, args: [/var/a]", "")}})
	for _, kind := range []string{"error", "panic", "kill"} {
		t.Setenv("MOSS_FAULT", "trigger/system:"+kind)
		if out, err := inside(t, root, self); err == nil && !strings.Contains(out, "ERROR 4") {
			t.Errorf("%s: got %v, %s", kind, err, out)
		}
		if pending, triggered := marks(root); pending != "1" || triggered != "" {
			t.Errorf("%s: pending %q, triggered %q", kind, pending, triggered)
		}
	}
	t.Setenv("MOSS_FAULT", "")
	if out, err := inside(t, root, self); err != nil || !strings.Contains(out, "DID a ran") {
		t.Errorf("got %v, %s", err, out)
	}
	if _, err := os.Stat(filepath.Join(root, "var/a")); err != nil {
		t.Error(err)
	}
	if pending, triggered := marks(root); pending != "" || triggered != "1" {
		t.Errorf("pending %q, triggered %q", pending, triggered)
	}
}
