package system_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moss/internal/system"
)

// everyEntryIsWhole: the loader may start any entry it finds.
func everyEntryIsWhole(t *testing.T, root string) {
	t.Helper()
	all := entries(t, root)
	if len(all) == 0 {
		t.Error("there is no boot entry left")
	}
	for name, text := range all {
		for line := range strings.Lines(text) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
			if key != "linux" && key != "initrd" {
				continue
			}
			body, err := os.ReadFile(filepath.Join(root, "efi", strings.TrimSpace(value)))
			if err != nil || len(body) == 0 {
				t.Errorf("entry %s: %s is missing or empty", name, value)
			}
		}
	}
}

// nothingIsLeftOver: every folder is a state, every state has a folder or is live.
func nothingIsLeftOver(t *testing.T, root string) {
	t.Helper()
	states, err := system.States(options(root))
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, s := range states {
		known[s.ID.String()] = !s.Active
		if !s.Bootable {
			t.Errorf("state %d is not bootable: %s", s.ID, s.Why)
		}
	}
	folders, err := os.ReadDir(filepath.Join(root, ".moss/root"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range folders {
		if !known[f.Name()] {
			t.Errorf("%s is no archived state's folder", f.Name())
		}
		delete(known, f.Name())
	}
	for id, archived := range known {
		if archived {
			t.Errorf("state %s has no folder", id)
		}
	}
	if found, _ := filepath.Glob(filepath.Join(root, ".moss/assets/stage/*")); len(found) != 0 {
		t.Errorf("unpublished assets left: %v", found)
	}
}
