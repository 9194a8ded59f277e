package usrmerge_test

import (
	"path/filepath"
	"strings"
	"testing"

	"moss/usrmerge"
)

// TestCutBeforeTheIndexesAreMadeAnew: depmod is owed until it has run, whatever
// happens between the exchange and the removal.
func TestCutBeforeTheIndexesAreMadeAnew(t *testing.T) {
	for _, point := range []string{"usr-merge/index-taken", "usr-merge/exchanged", "usr-merge/settle", "usr-merge/check", "usr-merge/remove", "usr-merge/regenerated", "usr-merge/removing"} {
		t.Run(strings.TrimPrefix(point, "usr-merge/"), func(t *testing.T) {
			dir := inMemory(t)
			plant(t, dir, `lib/modules/6.1/modules.dep old; lib/modules/6.1/a A; usr/lib/modules/6.1/modules.dep new; usr/lib/modules/6.1/b B; bin/x X; usr/bin/o O`)
			o := usrmerge.Options{Root: dir, Depmod: func(version string) error {
				return replaceFile(filepath.Join(dir, "usr/lib/modules", version, "modules.dep"), "made anew")
			}}
			t.Setenv("MOSS_FAULT", point+":error")
			if _, err := usrmerge.Run(t.Context(), o); (err != nil) != injected {
				t.Errorf("got %v, want an error only where faults are built in", err)
			}
			t.Setenv("MOSS_FAULT", "")
			result, err := usrmerge.Run(t.Context(), o)
			if err != nil || !result.Merged {
				t.Fatalf("got %+v, %v", result, err)
			}
			wantEntries(t, dir, `lib -> usr/lib; usr/lib/modules/6.1/modules.dep "made anew"; usr/lib/modules/6.1/a A; usr/lib/modules/6.1/b B; ~ -`)
			wantNothingLeftToDo(t, dir)
		})
	}
}
