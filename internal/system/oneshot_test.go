package system_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"moss/bootloader"
	"moss/bootloader/bls"
	"moss/bootloader/efivar"
	"moss/internal/system"
	"moss/internal/ui"
)

func TestSetOneShot(t *testing.T) {
	m := newMachine(t, 2)
	m.count(1, "+2-1")
	done, err := system.SetOneShot(t.Context(), m.opt, 1)
	if err != nil || done.State != 1 || done.Next.State != 1 || done.Next.Why != bls.ByOneShot {
		t.Fatalf("got %+v, %v", done, err)
	}
	if got := m.variable("LoaderEntryOneShot"); got != bootloader.Pattern("0123456789ab", 1) {
		t.Errorf("got %q", got)
	}
	if m.entries() != "1+2-1 2" || m.usual() != 2 {
		t.Errorf("got %s and the default %d, want the menu as it was", m.entries(), m.usual())
	}
	if one, err := system.OneState(m.opt, 1); err != nil || !one.OneShot || one.Default {
		t.Errorf("got %+v, %v", one, err)
	}
	if _, err := system.RemoveStates(t.Context(), m.opt, ids(t, m.opt)[:1]); system.ExitCode(err) != 3 || !strings.Contains(ui.Hint(err)+err.Error(), "set-oneshot --clear") {
		t.Errorf("remove: got %v, want it refused", err)
	}
	if done, err = system.ClearOneShot(t.Context(), m.opt); err != nil || done.Next.State != 2 || m.variable("LoaderEntryOneShot") != "" {
		t.Errorf("clear: got %+v, %v", done, err)
	}
	if _, err = system.ClearOneShot(t.Context(), m.opt); err != nil {
		t.Errorf("clear again: %v", err)
	}
}

// TestSetOneShotNeedsAVariable: without one it is refused, the cause and the way
// out are named, and nothing changes.
func TestSetOneShotNeedsAVariable(t *testing.T) {
	m := newMachine(t, 2)
	silent := &efivar.Memory{}
	if err := silent.Write(efivar.Loader("LoaderFeatures"), []byte{1, 0, 0, 0, 0, 0, 0, 0}, efivar.Volatile); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		vars efivar.Vars
		want string
	}{
		"BIOS":                   {nil, "no EFI variables"},
		"a full store":           {stubborn{m.vars, unix.ENOSPC}, "no space left"},
		"a read-only efivarfs":   {stubborn{m.vars, unix.EROFS}, "read-only"},
		"a loader that does not": {silent, "takes no such order"},
	} {
		m.opt.Vars = c.vars
		_, err := system.SetOneShot(t.Context(), m.opt, 1)
		if system.ExitCode(err) != 3 || !strings.Contains(err.Error(), c.want) || !strings.Contains(ui.Hint(err), "moss-boot set-default 1") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, exit code %d, hint %q", what, err, system.ExitCode(err), ui.Hint(err))
		}
		if m.variable("LoaderEntryOneShot") != "" {
			t.Errorf("%s: the variable is set", what)
		}
	}
	m.opt.Vars = nil
	if _, err := system.ClearOneShot(t.Context(), m.opt); err != nil {
		t.Errorf("clear without variables: %v", err)
	}
}

// TestSetOneShotOfAStateOutsideTheMenu is refused: the loader would pass over it
// without a word.
func TestSetOneShotOfAStateOutsideTheMenu(t *testing.T) {
	m := newMachine(t, 2)
	if err := os.Remove(m.entry("1-" + kernel + "_")); err != nil {
		t.Fatal(err)
	}
	_, err := system.SetOneShot(t.Context(), m.opt, 1)
	if system.ExitCode(err) != 3 || !strings.Contains(err.Error(), "not in the boot menu") {
		t.Errorf("got %v, exit code %d", err, system.ExitCode(err))
	}
}

// TestSetOneShotIsTakenBackWhenItDoesNotHold: an entry without its kernel is not
// shown by the loader.
func TestSetOneShotIsTakenBackWhenItDoesNotHold(t *testing.T) {
	m := newMachine(t, 2)
	text, err := os.ReadFile(m.entry("1-" + kernel + "_"))
	if err != nil {
		t.Fatal(err)
	}
	broken := strings.Replace(string(text), "linux /", "linux /gone/", 1)
	if err := os.WriteFile(m.entry("1-"+kernel+"_"), []byte(broken), 0o644); err != nil {
		t.Fatal(err)
	}
	m.set("LoaderEntryOneShot", "other*")
	_, err = system.SetOneShot(t.Context(), m.opt, 1)
	if system.ExitCode(err) != 3 || !strings.Contains(err.Error(), "the loader would start state 2") || m.variable("LoaderEntryOneShot") != "other*" {
		t.Errorf("got %v and the variable %q, want what was there before in %s", err, m.variable("LoaderEntryOneShot"), filepath.Base(m.root))
	}
}
