package adopt_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moss/internal/testutil"
	"moss/store"
	"moss/store/adopt/adopttest"
	"moss/store/verify"
)

func findings(t *testing.T, s *store.Store) []verify.Finding {
	t.Helper()
	found, err := s.Verify(t.Context(), &verify.Checker{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestAdoptedStatesVerify: what was taken over is whole in the eyes of verify,
// and nothing of it is garbage.
func TestAdoptedStatesVerify(t *testing.T) {
	t.Parallel()
	for name, exact := range map[string]bool{"hard links": false, "copies": true} {
		t.Run(name, func(t *testing.T) {
			i := adopttest.New(t, t.TempDir())
			i.Exact = exact
			stones := []string{base().Write(t, t.TempDir()), tool().Write(t, t.TempDir())}
			i.Make(adopttest.State{ID: 1, Created: then(), Stones: stones[:1], Generated: testutil.Tree{"share/made": "made"}, Place: adopttest.Archived})
			i.Make(adopttest.State{ID: 2, Created: then(), Stones: stones, Generated: testutil.Tree{"share/made": "made"}, Place: adopttest.Live})
			_, s := take(t, i.Root)
			if found := findings(t, s); len(found) != 0 {
				t.Errorf("verify found %v", found)
			}
			garbage, err := s.Garbage(nil, nil)
			if err != nil || !garbage.IsEmpty() {
				t.Errorf("got garbage %+v, %v", garbage, err)
			}
		})
	}
}

// TestDamageIsMendedFromWhatWasAdopted: the store that adoption made has all that
// a repair of a damaged state needs, AerynOS' own files stay as they are.
func TestDamageIsMendedFromWhatWasAdopted(t *testing.T) {
	t.Parallel()
	i := system(t)
	usr := i.Tree(adopttest.Archived, 2)
	whole := testutil.List(t, usr)
	replace(t, filepath.Join(usr, "share/base/text"), "another text")
	replace(t, filepath.Join(usr, "share/mime.cache"), "made by another trigger") // it is nobody's: not damage
	if err := errors.Join(os.RemoveAll(filepath.Join(usr, "share/tool")), os.Remove(filepath.Join(usr, "bin/su")), os.Remove(filepath.Join(usr, "lib/libbase.so"))); err != nil {
		t.Fatal(err)
	}
	assets := snapshot(t, i.Path("assets/v2"))
	_, s := take(t, i.Root)
	if found := findings(t, s); len(found) < 5 {
		t.Errorf("verify found only %v", found)
	}
	if _, err := s.Repair(t.Context(), &verify.Checker{}, store.RepairOptions{Log: func(string) {}}); err != nil {
		t.Fatal(err)
	}
	if found := findings(t, s); len(found) != 0 {
		t.Errorf("after the repair verify found %v", found)
	}
	replace(t, filepath.Join(usr, "share/mime.cache"), "made by a trigger")
	if err := os.Chmod(filepath.Join(usr, "share/mime.cache"), 0o644); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(whole, testutil.List(t, usr)); d != "" {
		t.Errorf("the mended tree differs:\n%s", d)
	}
	untouched(t, assets, snapshot(t, i.Path("assets/v2")))
}
