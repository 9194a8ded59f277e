package system_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"moss/bootloader/efivar"
	"moss/bootloader/esp"
	"moss/bootloader/sdboot/sdboottest"
	"moss/bootloader/sign"
	"moss/internal/system"
	"moss/internal/testutil"
)

// enforcedLoader is a root that brings a loader, with keys that its firmware
// enforces.
func enforcedLoader(t *testing.T, version string) (string, *sign.Keys, system.Options) {
	t.Helper()
	root, opt := loaderRoot(t, version)
	k, err := sign.Create(root, options(root).Now)
	if err != nil {
		t.Fatal(err)
	}
	opt.Vars = enforcing(t, k)
	return root, k, opt
}

func loaderVersion(t *testing.T, root, version string) {
	t.Helper()
	testutil.Tree{"usr/lib/systemd/boot/efi/systemd-bootx64.efi": sdboottest.Boot(version)}.Create(t, root)
}

// signedByUs wants both copies to have our signature.
func signedByUs(t *testing.T, root string, k *sign.Keys) {
	t.Helper()
	for _, rel := range []string{loaderFile, "efi/EFI/BOOT/BOOTX64.EFI"} {
		if err := sign.Verify(filepath.Join(root, rel), k.ByDB()); err != nil {
			t.Error(err)
		}
	}
}

// away moves the keys away, as where /var is not mounted.
func away(t *testing.T, root string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(root, "var/lib/sbctl")); err != nil {
		t.Fatal(err)
	}
}

// TestLoaderStaysStartable: where Secure Boot is on, nothing but --force puts a
// loader on the ESP that the firmware does not start.
func TestLoaderStaysStartable(t *testing.T) {
	for name, c := range map[string]struct {
		words string
		do    func(root string, k *sign.Keys)
	}{
		"no keys": {"carries no signature", func(root string, _ *sign.Keys) { away(t, root) }},
		"sign: no": {"carries no signature", func(root string, _ *sign.Keys) {
			testutil.Tree{"etc/moss/moss.yaml": "sign: no\n"}.Create(t, root)
		}},
		"other keys": {"nobody signed it whom the firmware trusts", func(root string, _ *sign.Keys) {
			away(t, root)
			if _, err := sign.Create(root, options(root).Now); err != nil {
				t.Fatal(err)
			}
		}},
		"signed by somebody": {"nobody signed it whom the firmware trusts", func(root string, _ *sign.Keys) {
			away(t, root)
			testutil.Tree{"usr/lib/systemd/boot/efi/systemd-bootx64.efi": sdboottest.Program(0x8664, sdboottest.Magic("253"), true)}.Create(t, root)
		}},
	} {
		root, k, opt := enforcedLoader(t, "252")
		if _, err := system.InstallLoader(t.Context(), opt, system.LoaderRequest{}); err != nil {
			t.Fatal(err)
		}
		signedByUs(t, root, k)
		loaderVersion(t, root, "253")
		c.do(root, k)
		before := testutil.List(t, filepath.Join(root, "efi"))
		for _, change := range []func() error{
			func() error {
				return second(system.UpdateLoader(t.Context(), opt, system.LoaderRequest{}))
			},
			func() error {
				return second(system.InstallLoader(t.Context(), opt, system.LoaderRequest{}))
			},
		} {
			refusal(t, change(), c.words, "--force")
		}
		if after := testutil.List(t, filepath.Join(root, "efi")); strings.Join(before, "\n") != strings.Join(after, "\n") {
			t.Errorf("%s: got %v, want %v", name, after, before)
		}
		if done, err := system.UpdateLoader(t.Context(), opt, system.LoaderRequest{Force: true}); err != nil || len(done.Steps) == 0 {
			t.Errorf("%s, as asked: got %+v, %v", name, done, err)
		}
	}
}

// TestUpdateSignsAnew: a loader of the same version with the signature of keys that
// are no more gets that of those that are there.
func TestUpdateSignsAnew(t *testing.T) {
	root, opt := loaderRoot(t, "252")
	create := func() *sign.Keys {
		k, err := sign.Create(root, options(root).Now)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	create()
	if _, err := system.InstallLoader(t.Context(), opt, system.LoaderRequest{}); err != nil {
		t.Fatal(err)
	}
	away(t, root)
	k := create()
	if done, err := system.UpdateLoader(t.Context(), opt, system.LoaderRequest{}); err != nil || len(done.Steps) != 3 || !strings.Contains(strings.Join(done.Steps, " "), "without our signature") {
		t.Errorf("got %+v, %v, want both copies signed anew", done, err)
	}
	signedByUs(t, root, k)
	if done, err := system.UpdateLoader(t.Context(), opt, system.LoaderRequest{}); err != nil || len(done.Steps) > 0 {
		t.Errorf("second run: got %+v, %v", done, err)
	}
}

// TestLoaderDryRunIsTrue: it says what the same command does then, also when
// nothing is signed yet, or not any more.
func TestLoaderDryRunIsTrue(t *testing.T) {
	root, k, opt := enforcedLoader(t, "252")
	dry := opt
	dry.DryRun = true
	same := func(what string, change func(system.Options) (system.LoaderDone, error), want int) {
		t.Helper()
		before := testutil.List(t, root)
		planned, err := change(dry)
		if after := testutil.List(t, root); err != nil || strings.Join(before, "\n") != strings.Join(after, "\n") {
			t.Errorf("%s: got %v, or it wrote", what, err)
		}
		done, err := change(opt)
		if err != nil || len(done.Steps) != want || strings.Join(planned.Steps, "\n") != strings.Join(done.Steps, "\n") || strings.Join(planned.Notes, "\n") != strings.Join(done.Notes, "\n") {
			t.Errorf("%s: got %+v, %v, planned was %+v", what, done, err, planned)
		}
		signedByUs(t, root, k)
	}
	install := func(o system.Options) (system.LoaderDone, error) {
		return system.InstallLoader(t.Context(), o, system.LoaderRequest{})
	}
	update := func(o system.Options) (system.LoaderDone, error) {
		return system.UpdateLoader(t.Context(), o, system.LoaderRequest{})
	}
	steps, err := install(dry)
	if err != nil {
		t.Fatalf("install --dry-run: %v", err)
	}
	same("install", install, len(steps.Steps))
	if err := os.RemoveAll(filepath.Join(root, ".moss/boot/signed")); err != nil {
		t.Fatal(err)
	}
	same("update of the same", update, 0)
	loaderVersion(t, root, "253")
	same("update", update, 3)
	if text := strings.Join(steps.Steps, "\n"); strings.Contains(text, "/proc/") {
		t.Errorf("got %s: the name of no file", text)
	}
}

// TestLoaderDryRunOnAMountOfOurOwn: what was mounted read-only to be looked at is
// not read-only to who writes.
func TestLoaderDryRunOnAMountOfOurOwn(t *testing.T) {
	if !testutil.Privately(t) {
		return
	}
	root, opt := loaderRoot(t, "252")
	dir := t.TempDir()
	if err := unix.Mount("moss-test", dir, "tmpfs", unix.MS_RDONLY, "size=2m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, 0) }) // or the folder of the test cannot be removed
	opt.Vars, opt.DryRun = &efivar.Memory{}, true
	for ours, want := range map[bool]int{true: 0, false: 3} {
		part := esp.Part{Ours: ours}
		done, err := system.InstallLoader(t.Context(), system.Held(opt, esp.Boot{ESP: dir, Dir: dir, ESPPart: part, DirPart: part}), system.LoaderRequest{})
		if system.ExitCode(err) != want || ours && len(done.Steps) == 0 {
			t.Errorf("%s, mounted by us %v: got %+v, %v", root, ours, done, err)
		}
	}
}

// TestLoaderOfAnotherMachineStays: a link of a root does not lead to the host.
func TestLoaderOfAnotherMachineStays(t *testing.T) {
	root, opt := loaderRoot(t, "252")
	host := t.TempDir()
	testutil.Tree{"systemd/systemd-bootx64.efi": sdboottest.Boot("251"), "BOOT/BOOTX64.EFI": sdboottest.Boot("251")}.Create(t, host)
	if err := os.RemoveAll(filepath.Join(root, "efi/EFI")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(host, filepath.Join(root, "efi/EFI")); err != nil {
		t.Fatal(err)
	}
	for _, change := range []func() error{
		func() error { return second(system.InstallLoader(t.Context(), opt, system.LoaderRequest{})) },
		func() error { return second(system.UpdateLoader(t.Context(), opt, system.LoaderRequest{})) },
		func() error { return second(system.RemoveLoader(t.Context(), opt, system.LoaderRequest{})) },
	} {
		refusal(t, change(), "is a link that leads out of")
	}
	if got := testutil.Read(t, filepath.Join(host, "systemd/systemd-bootx64.efi")); got != sdboottest.Boot("251") {
		t.Error("the host's loader was changed")
	}
}
