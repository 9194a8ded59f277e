package system_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"moss/bootloader"
	"moss/bootloader/esp"
	"moss/internal/system"
	"moss/internal/testutil"
	"moss/store/state"
)

// TestBIOSMenuOfAFullPartition: what is asked for to make room is not refused for
// want of room. The file of entries cannot be written before; it is after.
func TestBIOSMenuOfAFullPartition(t *testing.T) {
	if !testutil.Privately(t) {
		return
	}
	root := newRoot(t)
	efi := filepath.Join(root, "efi")
	if err := unix.Mount("moss-test", efi, "tmpfs", 0, "size=2m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(efi, 0) }) // or the folder of the test cannot be removed
	testutil.Tree{"extlinux/": ""}.Create(t, efi)
	install(t, options(root), base())
	install(t, options(root), appStone("a"))
	install(t, options(root), appStone("b"))
	files, err := filepath.Glob(filepath.Join(efi, "extlinux/moss-*.conf"))
	if err != nil || len(files) != 1 || strings.Count(testutil.Read(t, files[0]), "\nLABEL ") != 3 {
		t.Fatalf("got %v, %v", files, err)
	}
	var space unix.Statfs_t
	if err := unix.Statfs(efi, &space); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(efi, "ballast"), make([]byte, int64(space.Bavail)*space.Bsize), 0o644); err != nil {
		t.Fatal(err)
	}
	opt, said := options(root), ""
	opt.Log = func(line string) { said += line + "\n" }
	if _, err := system.RemoveStates(t.Context(), opt, []state.ID{1}); err != nil {
		t.Fatalf("got %v, want the state removed", err)
	}
	if got := testutil.Read(t, files[0]); strings.Count(got, "\nLABEL ") != 2 || !strings.Contains(said, "written once there is space") {
		t.Errorf("got %s, said %s", got, said)
	}
}

// TestBIOSMenuIsWrittenOnce: without steps there is nothing to go before, and what
// was done is told.
func TestBIOSMenuIsWrittenOnce(t *testing.T) {
	root := newRoot(t)
	opt := options(root)
	install(t, opt, base())
	testutil.Tree{"efi/extlinux/": ""}.Create(t, root)
	done, err := system.SyncMenu(t.Context(), opt)
	if err != nil || len(done.Steps) != 2 || !strings.Contains(strings.Join(done.Steps, "\n"), "extlinux/moss-") {
		t.Errorf("got %q, %v, want both files told", done.Steps, err)
	}
	if err := system.BeforeBIOS(opt, bootloader.Plan{Boot: esp.Boot{Dir: filepath.Join(root, "absent")}}, biosToken); err != nil {
		t.Error(err)
	}
}

// TestNextWithoutUEFI: no word of a loader.conf that nothing reads.
func TestNextWithoutUEFI(t *testing.T) {
	opt, boot, _ := biosMenu(t)
	next := func() bootloader.Choice {
		t.Helper()
		found, err := bootloader.Look(boot, biosToken)
		if err != nil {
			t.Fatal(err)
		}
		choice, err := system.NextBIOS(boot, found)
		if err != nil || strings.Contains(choice.Text, "loader.conf") {
			t.Errorf("got %+v, %v", choice, err)
		}
		return choice
	}
	unknown := func(why string) {
		t.Helper()
		if got := next(); got.State != 0 || got.File != "" || !strings.Contains(got.Text, "cannot be told") || !strings.Contains(got.Text, why) {
			t.Errorf("got %+v, want that it cannot be told: %s", got, why)
		}
	}
	unknown("without UEFI another loader")
	if _, err := system.SyncBIOS(opt, boot, biosToken, nil); err != nil {
		t.Fatal(err)
	}
	if got := next(); got.State != 3 || got.File != "moss-0123456789ab-3-6.1_.conf" || !strings.Contains(got.Text, "the DEFAULT of "+boot.Dir+"/syslinux/moss-") {
		t.Errorf("got %+v", got)
	}
	if err := os.Remove(filepath.Join(boot.Dir, "loader/entries/moss-0123456789ab-3-6.1_.conf")); err != nil {
		t.Fatal(err)
	}
	if got := next(); got.State != 0 || !strings.Contains(got.Text, "no entry of the menu") {
		t.Errorf("got %+v", got)
	}
	testutil.Tree{"syslinux/extlinux.conf": "DEFAULT debian\n"}.Create(t, boot.Dir)
	unknown("does not read")
}

// TestInstallNeedsUEFI: on a machine that was started without it, systemd-boot is
// not written. Only a dry run asks this machine.
func TestInstallNeedsUEFI(t *testing.T) {
	_, err := os.Stat("/sys/firmware/efi")
	bios := errors.Is(err, fs.ErrNotExist)
	opt := system.Options{Root: "/", ESP: t.TempDir(), DryRun: true, Log: func(string) {}}
	source := system.LoaderRequest{Source: filepath.Join(t.TempDir(), "absent")}
	_, err = system.InstallLoader(t.Context(), opt, source)
	if bios {
		refusal(t, err, "not started by UEFI", "moss-boot sync", "--force")
	} else if err == nil || system.ExitCode(err) == 3 {
		t.Errorf("got %v, want the program missed", err)
	}
	source.Force = true
	if _, err := system.InstallLoader(t.Context(), opt, source); err == nil || strings.Contains(err.Error(), "started by UEFI") {
		t.Errorf("as asked: got %v", err)
	}
	elsewhere := options(newRoot(t))
	if _, err := system.InstallLoader(t.Context(), elsewhere, source); err == nil || strings.Contains(err.Error(), "started by UEFI") {
		t.Errorf("another root: got %v", err)
	}
}

// TestRescueNeedsAShell: early boot starts one of the initrd's or none.
func TestRescueNeedsAShell(t *testing.T) {
	with, without := filepath.Join(t.TempDir(), "with"), filepath.Join(t.TempDir(), "without")
	for path, data := range map[string][]byte{with: rescueInitrd(t), without: []byte("no image")} {
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		initrds []string
		want    bool
	}{{[]string{with}, true}, {[]string{without, with}, true}, {[]string{without}, false}, {nil, false}, {[]string{"/absent"}, false}} {
		said := ""
		got := system.WithShell(&bootloader.Kernel{Version: "6.1", Initrds: c.initrds}, func(line string) { said += line })
		if (got != nil) != c.want || c.want != (said == "") || !c.want && !strings.Contains(said, "moss-boot initramfs build --rescue") {
			t.Errorf("%v: got %v, said %q", c.initrds, got, said)
		}
	}
	if got := system.WithShell(nil, nil); got != nil {
		t.Errorf("got %v", got)
	}
	root := newRoot(t)
	testutil.Tree{"etc/moss/moss.yaml": "rescue: yes\n"}.Create(t, root)
	opt, said := options(root), ""
	opt.Log = func(line string) { said += line + "\n" }
	install(t, opt, base()) // with an initrd that has no shell
	if names, _ := filepath.Glob(filepath.Join(root, "efi/loader/entries/*rescue*")); len(names) > 0 || strings.Count(said, "no rescue entry") == 0 {
		t.Errorf("got %q, said %s", names, said)
	}
}
