package system_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moss/bootloader/efivar"
	"moss/bootloader/sdboot/sdboottest"
	"moss/internal/system"
	"moss/internal/testutil"
	"moss/internal/ui"
	"moss/store"
)

const loaderFile = "efi/EFI/systemd/systemd-bootx64.efi"

// loaderRoot is a root without a store that brings a loader.
func loaderRoot(t *testing.T, version string) (string, system.Options) {
	root := t.TempDir()
	testutil.NewRoot(t, root)
	testutil.Tree{
		"usr/lib/systemd/boot/efi/systemd-bootx64.efi": sdboottest.Boot(version),
		"usr/lib/os-release":                           "ID=testos\nPRETTY_NAME=\"Test OS 1\"\n",
	}.Create(t, root)
	return root, system.Options{Root: root, Command: "test", Log: func(string) {}}
}

func TestLoaderOfARoot(t *testing.T) {
	root, opt := loaderRoot(t, "252.39")
	dry := opt
	dry.DryRun = true
	before := testutil.List(t, root)
	planned, err := system.InstallLoader(t.Context(), dry, system.LoaderRequest{})
	if err != nil || len(planned.Steps) == 0 || !slices.Equal(before, testutil.List(t, root)) {
		t.Errorf("dry run: got %+v, %v, or it wrote", planned, err)
	}
	done, err := system.InstallLoader(t.Context(), opt, system.LoaderRequest{})
	if err != nil || !slices.Equal(done.Steps, planned.Steps) || done.Version != "252.39" {
		t.Errorf("got %+v, %v, want what was planned: %+v", done, err, planned)
	}
	if got := testutil.Read(t, filepath.Join(root, loaderFile)); got != sdboottest.Boot("252.39") {
		t.Error("the program is another one")
	}
	if again, err := system.InstallLoader(t.Context(), opt, system.LoaderRequest{}); err != nil || len(again.Steps) != 0 {
		t.Errorf("second run: got %+v, %v", again, err)
	}
	if _, err := os.Stat(filepath.Join(root, ".moss")); err == nil {
		t.Error("a store was made")
	}
	newer := filepath.Join(t.TempDir(), "other")
	if err := os.WriteFile(newer, []byte(sdboottest.Boot("253")), 0o644); err != nil {
		t.Fatal(err)
	}
	if done, err := system.UpdateLoader(t.Context(), opt, system.LoaderRequest{Source: newer}); err != nil || len(done.Steps) != 3 || done.Version != "253" {
		t.Errorf("update: got %+v, %v", done, err)
	}
	if done, err := system.UpdateLoader(t.Context(), opt, system.LoaderRequest{}); err != nil || len(done.Steps) != 0 || len(done.Notes) != 2 {
		t.Errorf("downgrade: got %+v, %v, want nothing done and said", done, err)
	}
	if done, err := system.RemoveLoader(t.Context(), opt, system.LoaderRequest{}); err != nil || len(done.Steps) == 0 {
		t.Errorf("remove: got %+v, %v", done, err)
	}
	if _, err := os.Stat(filepath.Join(root, loaderFile)); err == nil {
		t.Error("the program is still there")
	}
}

// TestLoaderRefusals: what is refused has exit code 3 and says what to do.
func TestLoaderRefusals(t *testing.T) {
	root, opt := loaderRoot(t, "252")
	check := func(name string, err error, code int, want string) {
		t.Helper()
		if system.ExitCode(err) != code || err == nil || !strings.Contains(err.Error(), want) || ui.Hint(err) == "" {
			t.Errorf("%s: got %v (exit code %d, hint %q), want %q and code %d", name, err, system.ExitCode(err), ui.Hint(err), want, code)
		}
	}
	_, err := system.UpdateLoader(t.Context(), opt, system.LoaderRequest{})
	check("nothing to update", err, 3, "there is no systemd-boot")
	opt.Vars = &efivar.Memory{}
	if err := opt.Vars.Write(efivar.Key{Name: "SecureBoot", Vendor: efivar.GlobalVendor}, []byte{1}, efivar.Volatile); err != nil {
		t.Fatal(err)
	}
	_, err = system.InstallLoader(t.Context(), opt, system.LoaderRequest{})
	check("unsigned", err, 3, "Secure Boot is on")
	if !errors.Is(err, store.ErrRefused) {
		t.Errorf("got %v", err)
	}
	if err := os.RemoveAll(filepath.Join(root, "usr/lib/systemd")); err != nil {
		t.Fatal(err)
	}
	_, err = system.InstallLoader(t.Context(), opt, system.LoaderRequest{})
	check("no source", err, 1, "no systemd-boot in "+root)
	if _, err = system.InstallLoader(t.Context(), opt, system.LoaderRequest{Source: "/etc/passwd"}); err == nil || !strings.Contains(err.Error(), "/etc/passwd") {
		t.Errorf("got %v", err)
	}
}

// TestLoaderIsSigned: what a signer gives is what is installed.
func TestLoaderIsSigned(t *testing.T) {
	root, opt := loaderRoot(t, "252")
	signed := filepath.Join(t.TempDir(), "signed")
	program := sdboottest.Program(0x8664, sdboottest.Magic("252"), true)
	if err := os.WriteFile(signed, []byte(program), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := system.InstallLoader(t.Context(), opt, system.LoaderRequest{}); err != nil {
		t.Fatal(err)
	}
	sign := func(path string) (string, error) {
		if path != filepath.Join(root, "usr/lib/systemd/boot/efi/systemd-bootx64.efi") {
			t.Errorf("got %s to sign", path)
		}
		return signed, nil
	}
	if done, err := system.InstallLoader(t.Context(), opt, system.LoaderRequest{Sign: sign}); err != nil || len(done.Steps) != 3 {
		t.Errorf("got %+v, %v, want both copies replaced by signed ones", done, err)
	}
	if got := testutil.Read(t, filepath.Join(root, loaderFile)); got != program {
		t.Error("the program is not the signed one")
	}
	errKey := errors.New("no key")
	if _, err := system.InstallLoader(t.Context(), opt, system.LoaderRequest{Sign: func(string) (string, error) { return "", errKey }}); !errors.Is(err, errKey) {
		t.Errorf("got %v", err)
	}
}

// TestLoaderTakesTheLock: where there is a store, one writer at a time.
func TestLoaderTakesTheLock(t *testing.T) {
	root, opt := loaderRoot(t, "252")
	s, _, err := store.Open(t.Context(), root, store.Access{Command: "a neighbour"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := system.InstallLoader(t.Context(), opt, system.LoaderRequest{}); system.ExitCode(err) != 5 {
		t.Errorf("got %v, want it locked", err)
	}
	opt.DryRun = true
	if _, err := system.InstallLoader(t.Context(), opt, system.LoaderRequest{}); err != nil {
		t.Errorf("dry run: %v", err)
	}
	opt.DryRun = false
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := system.InstallLoader(t.Context(), opt, system.LoaderRequest{}); err != nil {
		t.Error(err)
	}
}
