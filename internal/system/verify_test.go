package system_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moss/internal/system"
	"moss/internal/testutil"
	"moss/store/state"
	"moss/store/verify"
)

func harm(t testing.TB, path string) {
	t.Helper()
	if err := os.WriteFile(path, []byte("harm"), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestVerifyFindsAndRepairMends(t *testing.T) {
	root, opt := five(t)
	clean(t, opt)
	harm(t, filepath.Join(root, "usr/lib/os-release"))
	kernels, _ := filepath.Glob(filepath.Join(root, "efi/moss-*/*.linux"))
	harm(t, kernels[0])
	found, err := system.Verify(t.Context(), opt, nil)
	var damage *verify.DamageError
	if !errors.As(err, &damage) || damage.Found != len(found) || system.ExitCode(err) != system.ExitDamage {
		t.Errorf("got %v, want damage", err)
	}
	if !slices.ContainsFunc(found, func(f verify.Finding) bool { return f.What == verify.Boot && f.Path == kernels[0] }) {
		t.Errorf("got %v, want the damaged kernel on $BOOT too", found)
	}
	// The only copy of os-release is gone; the kernel on $BOOT is not.
	repaired, err := system.Repair(t.Context(), opt)
	if !errors.As(err, &damage) || !damage.Tried {
		t.Errorf("got %v, want damage that could not be mended", err)
	}
	for _, f := range repaired {
		if want := f.What == verify.Boot; f.Repaired != want {
			t.Errorf("%v: got repaired %v, want %v", f, f.Repaired, want)
		}
	}
	if body, _ := os.ReadFile(kernels[0]); string(body) != "the kernel" {
		t.Errorf("the kernel on $BOOT holds %q", body)
	}
}

// TestUnmendableStateLeavesTheMenu, and comes back when a later repair finds it whole.
func TestUnmendableStateLeavesTheMenu(t *testing.T) {
	root, opt := five(t)
	app := filepath.Join(root, ".moss/root/3/usr/bin/app")
	harm(t, app)
	if _, err := system.Repair(t.Context(), opt); system.ExitCode(err) != system.ExitDamage {
		t.Errorf("got %v, want damage", err)
	}
	one, err := system.OneState(opt, 3)
	if err != nil || !strings.HasPrefix(one.Failed, "verify: /usr/bin/app") {
		t.Errorf("got failed %q, %v", one.Failed, err)
	}
	has := func() bool {
		for name := range entries(t, root) {
			if strings.Contains(name, "-3-") {
				return true
			}
		}
		return false
	}
	if has() {
		t.Error("a state that cannot be mended is still in the menu")
	}
	all, err := system.States(opt)
	if err != nil || all[2].Bootable || !all[1].Bootable {
		t.Errorf("got bootable %v, %v, want the bad one not", all[2].Bootable, err)
	}
	// The asset is damaged with it: they are one file.
	if err := os.WriteFile(app, []byte("app 1"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := system.Repair(t.Context(), opt); err != nil {
		t.Error(err)
	}
	if one, err := system.OneState(opt, 3); err != nil || one.Failed != "" || !has() {
		t.Errorf("got failed %q, %v, in the menu %v: want the mark taken back", one.Failed, err, has())
	}
	clean(t, opt)
}

// TestEarlyBootsMarkStays: a verification knows nothing of why early boot refused it.
func TestEarlyBootsMarkStays(t *testing.T) {
	root, opt := five(t)
	testutil.Tree{".moss/boot/failed/2": "reason: no init\nkernel: 6\ntime: x\n"}.Create(t, root)
	if _, err := system.Repair(t.Context(), opt); err != nil {
		t.Error(err)
	}
	if one, err := system.OneState(opt, 2); err != nil || one.Failed != "no init" {
		t.Errorf("got failed %q, %v, want it kept", one.Failed, err)
	}
	if !slices.ContainsFunc(slices.Collect(maps.Keys(entries(t, root))), func(name string) bool { return strings.Contains(name, "-2-") }) {
		t.Error("what early boot refused once has left the menu")
	}
}

func TestVerifyNeedsAStateThatIsThere(t *testing.T) {
	_, opt := five(t)
	if _, err := system.Verify(t.Context(), opt, []state.ID{9}); !errors.Is(err, state.ErrNotFound) {
		t.Errorf("got %v, want %v", err, state.ErrNotFound)
	}
}

// TestLostSealOfTheLiveTree: opening the store must not take the live state for
// one that never came, and a repair knows whose tree it is.
func TestLostSealOfTheLiveTree(t *testing.T) {
	for _, left := range []string{"", "five\n"} {
		root, opt := five(t)
		seal := filepath.Join(root, "usr/.stateID")
		if err := os.Remove(seal); err != nil {
			t.Fatal(err)
		}
		if left != "" {
			testutil.Tree{"usr/.stateID": left}.Create(t, root)
		}
		if found, err := system.Verify(t.Context(), opt, nil); system.ExitCode(err) != system.ExitDamage {
			t.Errorf("got %v, %v, want the seal missed", found, err)
		}
		if found, err := system.Repair(t.Context(), opt); err != nil {
			t.Errorf("repair: %v: %v", err, found)
		}
		if got := live(t, root); got != 5 || len(ids(t, opt)) != 5 {
			t.Errorf("got state %d of %v, want 5 of all", got, ids(t, opt))
		}
		clean(t, opt)
	}
}
