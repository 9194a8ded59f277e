package system_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moss/bootloader/sign"
	"moss/bootloader/sign/signtest"
	"moss/internal/system"
	"moss/internal/testutil"
)

// signable is a base whose kernel is an image, with systemd's stub.
func signable() testutil.Stone {
	stone := base()
	stone.Files["lib/kernel/"+testutil.Kernel+"/vmlinuz"] = string(signtest.Small(3))
	stone.Files["lib/systemd/boot/efi/linuxx64.efi.stub"] = string(signtest.Small(9))
	return stone
}

// onBoot lists files on $BOOT by a pattern.
func onBoot(t *testing.T, root, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, "efi", pattern))
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// settled wants a menu that has nothing left to do.
func settled(t *testing.T, opt system.Options, what string) {
	t.Helper()
	again, err := system.SyncMenu(t.Context(), opt)
	if err != nil || len(again.Steps) > 0 {
		t.Errorf("%s, synced again: got %q, %v, want nothing", what, again.Steps, err)
	}
	opt.DryRun = true
	plan, err := system.PlanMenu(t.Context(), opt)
	if err != nil || len(plan.Steps) > 0 {
		t.Errorf("%s, planned: got %q, %v, want nothing", what, plan.Steps, err)
	}
}

// TestMenuIsSigned: with keys the kernel on $BOOT is a signed one, shared by the
// states; as one image it holds the command line; and a second sync writes
// nothing.
func TestMenuIsSigned(t *testing.T) {
	root := newRoot(t)
	k, err := sign.Create(root, options(root).Now)
	if err != nil {
		t.Fatal(err)
	}
	install(t, options(root), signable())
	install(t, options(root), appStone("a"))
	kernels := onBoot(t, root, "moss-*/*.linux")
	if len(kernels) != 1 || sign.Verify(kernels[0], k.ByDB()) != nil || len(onBoot(t, root, "loader/entries/*.conf")) != 2 {
		t.Fatalf("got the kernels %v on $BOOT, want one that is signed", kernels)
	}
	settled(t, options(root), "signed")
	testutil.Tree{"etc/moss/moss.yaml": "uki: yes\n"}.Create(t, root)
	if _, err := system.SyncMenu(t.Context(), options(root)); err != nil {
		t.Fatal(err)
	}
	images := onBoot(t, root, "moss-*/*.linux")
	if len(images) != 2 || len(onBoot(t, root, "moss-*/*.initrd")) > 0 {
		t.Errorf("got %v on $BOOT, want an image for each state and no initrd", images)
	}
	for _, image := range images {
		if err := sign.Verify(image, k.ByDB()); err != nil {
			t.Error(err)
		}
		if !strings.Contains(testutil.Read(t, image), "root=UUID=1234 rw moss.fstx=") {
			t.Errorf("%s does not hold the command line", image)
		}
	}
	for _, entry := range onBoot(t, root, "loader/entries/*.conf") {
		if text := testutil.Read(t, entry); strings.Contains(text, "\noptions") || strings.Contains(text, "\ninitrd") {
			t.Errorf("%s:\n%s", entry, text)
		}
	}
	settled(t, options(root), "unified")
	if rows, err := os.ReadDir(filepath.Join(root, ".moss/boot/signed")); err != nil || len(rows) != 2 {
		t.Errorf("got %d signed files on the root, %v, want the two of the menu", len(rows), err)
	}
}

// TestMenuThatMustBeSigned: nothing is changed when the kernel cannot be.
func TestMenuThatMustBeSigned(t *testing.T) {
	root := newRoot(t)
	testutil.Tree{"etc/moss/moss.yaml": "sign: yes\n"}.Create(t, root)
	_, err := system.Transact(t.Context(), options(root), system.Change{Stones: write(t, signable())})
	refusal(t, err, "no Secure Boot keys", "keys create")
	if _, err := sign.Create(root, options(root).Now); err != nil {
		t.Fatal(err)
	}
	_, err = system.Transact(t.Context(), options(root), system.Change{Stones: write(t, base())})
	refusal(t, err, "not a PE file", "sign: auto")
	if _, err := os.Stat(filepath.Join(root, "usr/.stateID")); err == nil {
		t.Error("a state was made")
	}
	install(t, options(root), signable())
}
