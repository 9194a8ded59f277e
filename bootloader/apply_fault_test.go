//go:build faultinject

package bootloader_test

import (
	"testing"

	"moss/bootloader"
	"moss/bootloader/efivar"
)

// TestVariablesInterrupted: the menu is complete before a variable decides
// anything, and the next sync writes what is left of them.
func TestVariablesInterrupted(t *testing.T) {
	for _, point := range []string{"menu/set", "menu/unset"} {
		r := newRig(t, nil)
		vars := &efivar.Memory{}
		if err := vars.Write(efivar.Loader("LoaderFeatures"), []byte{0xff, 7, 8, 0, 0, 0, 0, 0}, efivar.Volatile); err != nil {
			t.Fatal(err)
		}
		w := want(states(r, 3)...)
		r.withVars(w, vars)
		if err := efivar.SetText(vars, "LoaderEntryOneShot", bootloader.Pattern(token, 9)); err != nil {
			t.Fatal(err)
		}
		w.Default = 2
		contents, err := bootloader.Digest(w)
		if err != nil {
			t.Fatal(err)
		}
		w.Contents = contents
		found := r.scan()
		found.Vars = bootloader.ReadVariables(vars)
		plan, err := bootloader.MakePlan(w, found)
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv("MOSS_FAULT", point+":error")
		if _, err := bootloader.Apply(plan, vars); err == nil {
			t.Errorf("%s: got no error", point)
		}
		t.Setenv("MOSS_FAULT", "")
		if got := r.chosen().Version; got != "2-6.1" && (point == "menu/set" || got != "3-6.1") {
			t.Errorf("%s: the order starts %s, want state 2, or before a variable that decides nothing 3", point, got)
		}
		r.withVars(w, vars)
		if got := bootloader.ReadVariables(vars); got.OneShot != "" || got.Preferred != bootloader.Pattern(token, 2) {
			t.Errorf("%s: after the next sync: got %+v", point, got)
		}
	}
}
