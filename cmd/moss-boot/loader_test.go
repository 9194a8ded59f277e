package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"moss/bootloader/sdboot/sdboottest"
	"moss/internal/system"
	"moss/internal/testutil"
	"moss/internal/ui"
)

// loader runs one of the verbs and gives both outputs.
func loader(t *testing.T, args ...string) (out, complaints string, err error) {
	t.Helper()
	var both [2]bytes.Buffer
	root := ui.Root(&cobra.Command{Use: "moss-boot"})
	root.AddCommand(newInstallCommand(), newUpdateCommand(), newRemoveCommand())
	root.SetOut(&both[0])
	root.SetErr(&both[1])
	root.SetIn(strings.NewReader(""))
	root.SetArgs(args)
	err = root.ExecuteContext(t.Context())
	return both[0].String(), both[1].String(), err
}

func TestLoaderVerbs(t *testing.T) {
	dir := t.TempDir()
	testutil.NewRoot(t, dir)
	testutil.Tree{"usr/lib/systemd/boot/efi/systemd-bootx64.efi": sdboottest.Boot("252"), "newer": sdboottest.Boot("253")}.Create(t, dir)
	program := filepath.Join(dir, "efi/EFI/systemd/systemd-bootx64.efi")

	if out, _, err := loader(t, "-D", dir, "install", "--dry-run"); err != nil || !strings.Contains(out, "would write systemd-boot 252 to "+program+": it is not there\n") {
		t.Errorf("got %v\n%s", err, out)
	}
	if _, err := os.Stat(program); err == nil {
		t.Error("a dry run wrote")
	}
	out, _, err := loader(t, "-D", dir, "install", "--json")
	var done system.LoaderDone
	if err != nil || json.Unmarshal([]byte(out), &done) != nil || done.ESP != filepath.Join(dir, "efi") || done.Version != "252" || len(done.Steps) < 3 || done.Warnings == nil {
		t.Errorf("got %v\n%s", err, out)
	}
	if out, _, err := loader(t, "-D", dir, "install"); err != nil || !strings.Contains(out, "is systemd-boot 252 already\n") || !strings.Contains(out, "nothing to do in ") {
		t.Errorf("second install: got %v\n%s", err, out)
	}
	if out, _, err := loader(t, "-D", dir, "-q", "update", "--source", filepath.Join(dir, "newer")); err != nil || out != "" {
		t.Errorf("update: got %v\n%s", err, out)
	}
	if out, _, err := loader(t, "-D", dir, "update"); err != nil || !strings.Contains(out, "is systemd-boot 253, which is newer than 252, and stays\n") {
		t.Errorf("downgrade: got %v\n%s", err, out)
	}
	if out, _, err := loader(t, "-D", dir, "install", "--force"); err != nil || !strings.Contains(out, "keep systemd-boot 253 as systemd-bootx64.efi.previous\n") {
		t.Errorf("downgrade as asked: got %v\n%s", err, out)
	}
	if out, _, err := loader(t, "-D", dir, "remove"); err != nil || !strings.Contains(out, "remove systemd-boot 252 from "+program+"\n") {
		t.Errorf("remove: got %v\n%s", err, out)
	}
	if out, _, err := loader(t, "-D", dir, "remove"); err != nil || !strings.Contains(out, "nothing to do") {
		t.Errorf("second remove: got %v\n%s", err, out)
	}
	if _, _, err := loader(t, "-D", dir, "update"); system.ExitCode(err) != 3 || ui.Hint(err) != "install it: moss-boot install" {
		t.Errorf("update of nothing: got %v, %q", err, ui.Hint(err))
	}
	for _, args := range [][]string{{"install", "x"}, {"remove", "--source", "x"}, {"update", "--no-order"}} {
		if _, _, err := loader(t, args...); system.ExitCode(err) != 2 {
			t.Errorf("%v: got %v, want a usage error", args, err)
		}
	}
}

// TestRemoveLeavesTheLoaderOthersNeed: with a foreign entry in the menu.
func TestRemoveLeavesTheLoaderOthersNeed(t *testing.T) {
	dir := t.TempDir()
	testutil.NewRoot(t, dir)
	testutil.Tree{"efi/EFI/systemd/systemd-bootx64.efi": sdboottest.Boot("252"), "efi/loader/entries/linux.conf": "linux /x\n",
		".moss/boot/token": "0123456789ab\n", "efi/loader/entries/moss-0123456789ab-1-6.1_.conf": "linux /y\n"}.Create(t, dir)
	_, _, err := loader(t, "-D", dir, "remove")
	if system.ExitCode(err) != 3 || !strings.Contains(err.Error(), ": linux.conf of another system needs it") {
		t.Errorf("got %v", err)
	}
	if _, _, err := loader(t, "-D", dir, "remove", "--force"); err != nil {
		t.Error(err)
	}
	for _, rel := range []string{"efi/loader/entries/linux.conf", "efi/loader/entries/moss-0123456789ab-1-6.1_.conf"} {
		if _, err := os.Stat(filepath.Join(dir, rel)); err != nil {
			t.Error(err)
		}
	}
}
