package system_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moss/bootloader/efivar"
	"moss/bootloader/sdboot/sdboottest"
	"moss/bootloader/sign"
	"moss/bootloader/sign/signtest"
	"moss/internal/system"
	"moss/internal/testutil"
)

// enforcing is firmware with Secure Boot on that knows the key.
func enforcing(t *testing.T, k *sign.Keys) efivar.Vars {
	t.Helper()
	vars := &efivar.Memory{}
	for _, one := range []struct {
		name, vendor string
		value        []byte
	}{{"SecureBoot", efivar.GlobalVendor, []byte{1}}, {"SetupMode", efivar.GlobalVendor, []byte{0}},
		{"db", sign.ImageVendor, sign.Lists([]sign.Member{{Kind: sign.X509, Owner: k.Owner, Data: k.DB.Cert.Raw}})}} {
		if err := vars.Write(efivar.Key{Name: one.name, Vendor: one.vendor}, one.value, efivar.Stored); err != nil {
			t.Fatal(err)
		}
	}
	return vars
}

// contentOf is all that is on $BOOT.
func contentOf(t *testing.T, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, pattern := range []string{"*", "*/*", "*/*/*", "*/*/*/*"} {
		for _, path := range onBoot(t, root, pattern) {
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
				all[path] = testutil.Read(t, path)
			}
		}
	}
	return all
}

// enforcedRoot is a root with a signed menu, on firmware that asks for it.
func enforcedRoot(t *testing.T) (string, *sign.Keys, system.Options) {
	t.Helper()
	root := newRoot(t)
	k, err := sign.Create(root, options(root).Now)
	if err != nil {
		t.Fatal(err)
	}
	opt := options(root)
	opt.Vars = enforcing(t, k)
	install(t, opt, signable())
	return root, k, opt
}

// TestMenuStaysSigned: under Secure Boot nothing makes a sync replace what the
// firmware starts by what it does not.
func TestMenuStaysSigned(t *testing.T) {
	for _, c := range []struct {
		name, words, advice string
		do                  func(t *testing.T, root string)
	}{
		{"no keys", "would not start", "put the Secure Boot keys back", func(t *testing.T, root string) {
			if err := os.RemoveAll(filepath.Join(root, "var/lib/sbctl")); err != nil {
				t.Fatal(err)
			}
		}},
		{"other keys", "would not start", "keys enroll", func(t *testing.T, root string) {
			if err := os.RemoveAll(filepath.Join(root, "var/lib/sbctl")); err != nil {
				t.Fatal(err)
			}
			if _, err := sign.Create(root, options(root).Now); err != nil {
				t.Fatal(err)
			}
		}},
		{"sign: no", "would not start", "sign: auto", func(t *testing.T, root string) {
			testutil.Tree{"etc/moss/moss.yaml": "sign: no\n"}.Create(t, root)
		}},
		{"no PE file", "would not start", "EFI stub", func(t *testing.T, root string) {
			path := filepath.Join(root, "usr/lib/kernel", testutil.Kernel, "vmlinuz")
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			testutil.Tree{"usr/lib/kernel/" + testutil.Kernel + "/vmlinuz": "another kernel"}.Create(t, root)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			root, _, opt := enforcedRoot(t)
			c.do(t, root)
			before := contentOf(t, root)
			_, err := system.SyncMenu(t.Context(), opt)
			refusal(t, err, c.words, c.advice)
			if !maps.Equal(before, contentOf(t, root)) {
				t.Error("$BOOT was changed")
			}
			_, err = system.PlanMenu(t.Context(), opt)
			refusal(t, err, c.words)
			st := statusOf(t, opt)
			if w := warned(t, st, "menu-note"); !strings.Contains(noteText(st), "a sync is refused") {
				t.Errorf("got %+v", w)
			}
			bare := opt
			bare.Vars = nil
			if _, err := system.SyncMenu(t.Context(), bare); err != nil {
				t.Errorf("without Secure Boot: %v", err)
			}
		})
	}
}

func noteText(st system.BootStatus) string {
	var all []string
	for _, w := range st.Warnings {
		all = append(all, w.Text)
	}
	return strings.Join(all, "\n")
}

// TestMenuThatNobodySigned: behind a loader with keys of its own, what the firmware
// knows does not matter; it is said, not refused.
func TestMenuThatNobodySigned(t *testing.T) {
	root := newRoot(t)
	k, err := sign.Create(t.TempDir(), options(root).Now)
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	opt := options(root)
	opt.Vars, opt.Log = enforcing(t, k), func(line string) { said = append(said, line) }
	install(t, opt, signable())
	if !strings.Contains(strings.Join(said, "\n"), "knows nobody who signed") {
		t.Errorf("got %q", said)
	}
	warned(t, statusOf(t, opt), "key-missing")
	said = nil
	if _, err := system.SyncMenu(t.Context(), opt); err != nil || strings.Contains(strings.Join(said, "\n"), "knows nobody") {
		t.Errorf("got %v, %q, want no word of what is there already", err, said)
	}
}

// TestSyncWithoutTheSecret: the secret key can be away as long as nothing has to be
// signed.
func TestSyncWithoutTheSecret(t *testing.T) {
	root, _, opt := enforcedRoot(t)
	if err := os.Remove(filepath.Join(root, sign.Home, "keys/db/db.key")); err != nil {
		t.Fatal(err)
	}
	settled(t, opt, "without db.key")
	stone := signable()
	stone.Files["lib/kernel/"+testutil.Kernel+"/vmlinuz"] = string(signtest.Small(5))
	_, err := system.Transact(t.Context(), opt, system.Change{Stones: write(t, stone)})
	refusal(t, err, "db.key", "put the Secure Boot keys back")
	if strings.Contains(err.Error(), ";") || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %q, want one sentence", err)
	}
}

// TestPlanSigns: a plan is the one that is carried out, also where the signed
// copies are gone.
func TestPlanSigns(t *testing.T) {
	root, _, opt := enforcedRoot(t)
	testutil.Tree{"usr/lib/systemd/boot/efi/systemd-bootx64.efi": sdboottest.Boot("252.39")}.Create(t, root)
	forget := func() {
		if err := os.RemoveAll(filepath.Join(root, ".moss/boot/signed")); err != nil {
			t.Fatal(err)
		}
	}
	planned := func(what string) {
		t.Helper()
		forget()
		plan, err := system.PlanMenu(t.Context(), opt)
		if err != nil || len(plan.Steps) > 0 {
			t.Errorf("%s: got %q, %v, want nothing", what, plan.Steps, err)
		}
		if st := statusOf(t, opt); st.Menu.Matches == nil || !*st.Menu.Matches {
			t.Errorf("%s: got %+v, %q", what, st.Menu, st.Unread)
		}
		if _, err := os.Stat(filepath.Join(root, ".moss/boot/signed")); err == nil {
			t.Errorf("%s: something was written", what)
		}
	}
	planned("signed")
	dry := opt
	dry.DryRun = true
	first, err := system.InstallLoader(t.Context(), dry, system.LoaderRequest{})
	if err != nil {
		t.Fatal(err)
	}
	done, err := system.InstallLoader(t.Context(), opt, system.LoaderRequest{})
	if err != nil || len(done.Steps) != len(first.Steps) {
		t.Errorf("got %q, %v, planned %q", done.Steps, err, first.Steps)
	}
	if _, err := system.SyncMenu(t.Context(), opt); err != nil {
		t.Fatal(err)
	}
	forget()
	if again, err := system.UpdateLoader(t.Context(), dry, system.LoaderRequest{}); err != nil || len(again.Steps) != 0 || strings.Contains(strings.Join(again.Notes, "\n"), "another build") {
		t.Errorf("update: got %+v, %v, want that it is there", again, err)
	}
	testutil.Tree{"etc/moss/moss.yaml": "uki: yes\n"}.Create(t, root)
	if _, err := system.SyncMenu(t.Context(), opt); err != nil {
		t.Fatal(err)
	}
	planned("unified")
}

// TestRescueIsUnified: a menu of whole images has no shell beside them whose initrd
// nobody signed.
func TestRescueIsUnified(t *testing.T) {
	root, k, opt := enforcedRoot(t)
	testutil.Tree{"etc/moss/moss.yaml": "uki: yes\nrescue: yes\n"}.Create(t, root)
	stone := signable()
	stone.Files["lib/kernel/"+testutil.Kernel+"/50-moss.initrd"] = string(rescueInitrd(t))
	install(t, opt, stone)
	entries := onBoot(t, root, "loader/entries/*.conf")
	if len(entries) < 2 || len(onBoot(t, root, "loader/entries/*rescue*.conf")) != 1 {
		t.Fatalf("got %q, want the rescue entry too", entries)
	}
	for _, entry := range entries {
		if text := testutil.Read(t, entry); strings.Contains(text, "\noptions") || strings.Contains(text, "\ninitrd") {
			t.Errorf("%s:\n%s", entry, text)
		}
	}
	shells := 0
	for _, image := range onBoot(t, root, "moss-*/*.linux") {
		if err := sign.Verify(image, k.ByDB()); err != nil {
			t.Error(err)
		}
		if strings.Contains(testutil.Read(t, image), "moss.shell") {
			shells++
		}
	}
	if shells != 1 || len(onBoot(t, root, "moss-*/*.initrd")) != 0 {
		t.Errorf("got %d images with a shell", shells)
	}
	settled(t, opt, "rescue")
}

// TestOneImageNeedsUEFI: EXTLINUX cannot start one.
func TestOneImageNeedsUEFI(t *testing.T) {
	root := newRoot(t)
	testutil.Tree{"etc/moss/moss.yaml": "uki: yes\n", "efi/extlinux/": ""}.Create(t, root)
	var said []string
	opt := options(root)
	opt.Log = func(line string) { said = append(said, line) }
	install(t, opt, signable())
	if len(onBoot(t, root, "moss-*/*.initrd")) == 0 || !strings.Contains(strings.Join(said, "\n"), "no loader without UEFI") {
		t.Errorf("got %q, said %q", onBoot(t, root, "moss-*/*"), said)
	}
}

// rescueInitrd is an archive (newc) with a shell.
func rescueInitrd(t *testing.T) []byte {
	t.Helper()
	var out []byte
	pad := func() {
		for len(out)%4 != 0 {
			out = append(out, 0)
		}
	}
	for _, file := range []struct {
		name, data string
		mode       int
	}{{"bin", "", 0o040755}, {"bin/busybox", "shell", 0o100755}, {"bin/sh", "shell", 0o100755}, {"TRAILER!!!", "", 0}} {
		out = fmt.Appendf(out, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", 0, file.mode, 0, 0, 1, 0, len(file.data), 0, 0, 0, 0, len(file.name)+1, 0)
		out = append(append(out, file.name...), 0)
		pad()
		out = append(out, file.data...)
		pad()
	}
	return out
}
