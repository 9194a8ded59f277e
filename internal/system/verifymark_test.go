package system

import (
	"os"
	"path/filepath"
	"testing"

	"moss/internal/testutil"
	"moss/store"
	"moss/store/state"
)

// TestRunningMachineDisprovesEarlyBoot: a state that is live and booted loses what
// early boot once wrote of it, and nothing else does.
func TestRunningMachineDisprovesEarlyBoot(t *testing.T) {
	const early, verified = "reason: no init\nkernel: 6\n", "reason: verify: bin/x: changed\n"
	for _, c := range []struct {
		name, mark   string
		live, booted state.ID
		want         bool // that the mark is still there
	}{
		{"booted", early, 3, 3, false},
		{"another is booted", early, 3, 2, true},
		{"not booted here", early, 3, 0, true},
		{"nothing is live", early, 0, 0, true},
		{"damaged", verified, 3, 3, true},
		{"marked by a person", "reason: marked bad by hand: no sound\n", 3, 3, true},
		{"its tries used up", "reason: 3 boots, none was blessed\n", 3, 3, true},
	} {
		opt := Options{Root: t.TempDir(), Log: func(string) {}}
		testutil.Tree{".moss/boot/failed/3": c.mark, ".moss/boot/failed/4": early}.Create(t, opt.Root)
		if err := disproved(opt, c.live, c.booted); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if got := failure(opt.Root, 3) != ""; got != c.want {
			t.Errorf("%s: marked %v, want %v", c.name, got, c.want)
		}
		if failure(opt.Root, 4) == "" {
			t.Errorf("%s: another state's mark is gone", c.name)
		}
	}
}

func TestClearFailed(t *testing.T) {
	root := t.TempDir()
	if took, err := clearFailed(root, 1); took || err != nil {
		t.Errorf("without a mark: got %v, %v", took, err)
	}
	testutil.Tree{".moss/boot/failed/1": "reason: no init\n", ".moss/boot/failed/2": "reason: verify: x\n"}.Create(t, root)
	if took, err := clearFailed(root, 1); !took || err != nil {
		t.Errorf("early boot's: got %v, %v", took, err)
	}
	if took, err := clearFailed(root, 2); took || err != nil {
		t.Errorf("a verification's: got %v, %v", took, err)
	}
	left, err := os.ReadDir(filepath.Join(root, ".moss/boot/failed"))
	if err != nil || len(left) != 1 || left[0].Name() != "2" {
		t.Errorf("left: %v, %v, want 2", left, err)
	}
}

// TestChosenAgain: force takes everything back, or the choice would last until the
// next sync only.
func TestChosenAgain(t *testing.T) {
	for _, force := range []bool{false, true} {
		opt := Options{Root: t.TempDir(), Force: force}
		testutil.Tree{".moss/boot/failed/1": "reason: no init\n", ".moss/boot/failed/2": "reason: verify: x\n"}.Create(t, opt.Root)
		for id := state.ID(1); id <= 3; id++ {
			if err := chosenAgain(opt, id); err != nil {
				t.Error(err)
			}
		}
		if failure(opt.Root, 1) != "" || (failure(opt.Root, 2) == "") != force {
			t.Errorf("force %v: got %q and %q", force, failure(opt.Root, 1), failure(opt.Root, 2))
		}
	}
}

// TestMendedStateIsTriedAgain: early boot does not try a tree twice, so its record
// goes with what was wrong; those of others stay.
func TestMendedStateIsTriedAgain(t *testing.T) {
	opt := Options{Root: t.TempDir(), Log: func(string) {}}
	testutil.Tree{".moss/boot/failed/1": "reason: no init\ntree: 5-6\n", ".moss/boot/failed/2": "reason: no init\ntree: 5-6\n",
		".moss/boot/failed/3": "reason: marked bad by hand\n", ".moss/boot/failed/4": "reason: verify: x\n"}.Create(t, opt.Root)
	repaired := []Finding{{State: 1, Repaired: true}, {State: 3, Repaired: true}}
	for id := state.ID(1); id <= 4; id++ {
		if err := wholeAgain(opt, id, repaired); err != nil {
			t.Error(err)
		}
	}
	for id, want := range map[state.ID]string{1: "", 2: "no init", 3: "marked bad by hand", 4: ""} {
		if got := failure(opt.Root, id); got != want {
			t.Errorf("state %d: got %q, want %q", id, got, want)
		}
	}
}

// TestTheBootedStateIsBootable: what runs has proved it, unless it was damaged
// since.
func TestTheBootedStateIsBootable(t *testing.T) {
	root := t.TempDir()
	testutil.Tree{"usr/.stateID": "3", ".moss/db/": ""}.Create(t, root)
	for _, c := range []struct {
		mark, fault string
		booted      state.ID
		want        string
	}{
		{"reason: no init\n", "", 3, ""},
		{"reason: no init\n", "", 2, "no init"},
		{"", "feared", 3, ""},
		{"", "feared", 2, "feared"},
		{"reason: verify: harm\n", "", 3, "verify: harm"},
		{"reason: marked bad by hand\n", "", 3, "marked bad by hand"},
		{"reason: 2 boots, none was blessed\n", "", 3, "2 boots, none was blessed"},
	} {
		testutil.Tree{".moss/boot/failed/3": c.mark}.Create(t, root)
		if c.mark == "" {
			if err := os.Remove(filepath.Join(root, ".moss/boot/failed/3")); err != nil {
				t.Fatal(err)
			}
		}
		info := StateInfo{ID: 3, Active: true, Booted: c.booted == 3, Failed: refusal(root, 3, c.booted)}
		seen(t, root, state.State{ID: 3, Fault: c.fault}, &info)
		if info.Why != c.want || info.Bootable != (c.want == "") {
			t.Errorf("%+v: got bootable %v, %q", c, info.Bootable, info.Why)
		}
	}
}

func seen(t *testing.T, root string, row state.State, info *StateInfo) {
	t.Helper()
	s, _, err := store.Open(t.Context(), root, store.Access{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := inspect(s, row, info); err != nil {
		t.Fatal(err)
	}
}
