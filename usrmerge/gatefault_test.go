//go:build faultinject

package usrmerge

import (
	"testing"

	"moss/internal/testutil"
)

// TestCutsOfTheGate: after an end at any of its points the next call goes on, and
// the marker comes last.
func TestCutsOfTheGate(t *testing.T) {
	for _, point := range []string{"usr-merge/report", "usr-merge/complete"} {
		t.Run(point, func(t *testing.T) {
			root := unmerged(t, testutil.Tree{"lib/x": "x"})
			t.Setenv("MOSS_FAULT", point+":error")
			out, err := MigrateIfOpen(t.Context(), root, "", Options{})
			if err == nil || out.Marked || isThere(t, root, "/"+Folder+"/complete") {
				t.Fatalf("got %v, %+v", err, out)
			}
			t.Setenv("MOSS_FAULT", "")
			if out := migrateIfOpen(t, root, ""); !out.Marked || out.Report.Outcome != OutcomeAlready {
				t.Errorf("got %+v", out)
			}
			readReport(t, root)
			decide(t, root, "").wants(t, OutcomeAlready)
		})
	}
}
