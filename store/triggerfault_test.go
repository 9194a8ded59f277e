//go:build faultinject

package store_test

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moss/internal/testutil"
	"moss/store"
)

// TestFaultsInTriggersLeaveNothing: an error at each point of the triggers drops
// the stage, and no asset has a name that nothing uses.
func TestFaultsInTriggersLeaveNothing(t *testing.T) {
	m := newMachine(t)
	add := m.unpack(programStone(t, "sh"), testutil.Stone{Name: "p", Files: testutil.Tree{"share/in/x": "x",
		txFolder + "a.yaml": triggerFile("a", "echo written by a >/usr/share/out")}})
	before := assetNames(t, m.root)
	for _, point := range []string{"trigger/run", "trigger/merge", "trigger/done", "unpack/publish"} {
		stage, _ := m.stage(add...)
		t.Setenv("MOSS_FAULT", point+":error")
		if _, err := stage.RunTriggers(t.Context(), store.TriggerOptions{}); err == nil {
			t.Errorf("%s was not passed", point)
		}
		t.Setenv("MOSS_FAULT", "")
		if err := stage.Drop(); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, assetNames(t, m.root)); diff != "" {
			t.Errorf("%s: assets: %s", point, diff)
		}
		if left := testutil.List(t, filepath.Join(m.root, ".moss/root")); len(left) != 0 {
			t.Errorf("%s: left %q", point, left)
		}
	}
	m.triggered(store.TriggerOptions{}, add...)
}
