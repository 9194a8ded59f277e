package system_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moss/bootloader/efivar"
	"moss/internal/system"
	"moss/internal/testutil"
	"moss/internal/ui"
	"moss/store/state"
)

func (m machine) setDefault(id state.ID) system.Chosen {
	m.t.Helper()
	done, err := system.SetDefault(m.t.Context(), m.opt, id)
	if err != nil {
		m.t.Fatal(err)
	}
	return done
}

// usual is the state that the menu starts by itself.
func (m machine) usual() uint64 {
	m.t.Helper()
	menu, err := system.ReadMenu(m.opt)
	if err != nil {
		m.t.Fatal(err)
	}
	return menu.Default
}

func TestSetDefault(t *testing.T) {
	m := newMachine(t, 3)
	for _, id := range []state.ID{1, 2, 1, 3} {
		done := m.setDefault(id)
		if done.State != id || done.Next.State != uint64(id) || done.Next.Text == "" || m.usual() != uint64(id) {
			t.Errorf("state %d: got %+v, and %d in the menu", id, done, m.usual())
		}
		m.opt.Vars = nil // the order says it all
		before := testutil.List(t, filepath.Join(m.root, "efi"))
		if m.setDefault(id); strings.Join(testutil.List(t, filepath.Join(m.root, "efi")), "\n") != strings.Join(before, "\n") {
			t.Errorf("state %d: a second time changed the menu", id)
		}
	}
	m.setDefault(1)
	done, err := system.ClearDefault(t.Context(), m.opt)
	if err != nil || done.State != 0 || done.Next.State != 3 || m.usual() != 3 {
		t.Errorf("clear: got %+v, %v", done, err)
	}
}

// TestSetDefaultKeepsTheCounters: moving a state up or down is no reason to try
// it again.
func TestSetDefaultKeepsTheCounters(t *testing.T) {
	m := newMachine(t, 3)
	m.count(1, "+2-1")
	m.count(3, "+1-2")
	m.setDefault(1)
	if got, want := m.entries(), "1+2-1 2 3+1-2"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if _, err := system.ClearDefault(t.Context(), m.opt); err != nil {
		t.Fatal(err)
	}
	if got, want := m.entries(), "1+2-1 2 3+1-2"; got != want {
		t.Errorf("clear: got %s, want %s", got, want)
	}
}

func TestSetDefaultRefuses(t *testing.T) {
	m := newMachine(t, 4)
	m.count(1, "+0-3")
	testutil.Tree{".moss/boot/failed/2": "reason: no init\n"}.Create(t, m.root)
	if err := os.Remove(filepath.Join(m.root, ".moss/root/3/usr/sbin/init")); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[state.ID]string{9: "not found", 1: "no tries left", 2: "it is bad: no init", 3: "would not boot"} {
		for what, verb := range map[string]func() error{
			"default": func() error { return second(system.SetDefault(t.Context(), m.opt, id)) },
			"oneshot": func() error { return second(system.SetOneShot(t.Context(), m.opt, id)) },
		} {
			err := verb()
			if system.ExitCode(err) != 3 || !strings.Contains(err.Error(), want) || id != 9 && !strings.Contains(ui.Hint(err), "--force") {
				t.Errorf("%s of state %d: got %v, exit code %d, hint %q, want %q", what, id, err, system.ExitCode(err), ui.Hint(err), want)
			}
			if m.usual() != 4 || m.variable("LoaderEntryOneShot") != "" {
				t.Errorf("%s of state %d: the choice changed", what, id)
			}
		}
	}
}

// TestForceGivesAnotherChance: what holds a state back is taken away, or it would
// not be started in spite of the force.
func TestForceGivesAnotherChance(t *testing.T) {
	m := newMachine(t, 3)
	m.count(1, "+0-3")
	testutil.Tree{".moss/boot/failed/1": "reason: 3 boots, none was blessed\n"}.Create(t, m.root)
	m.opt.Force = true
	if done := m.setDefault(1); done.Next.Bad || m.mark(1) != "" || m.usual() != 1 {
		t.Errorf("got %+v, the mark %q and %s", done, m.mark(1), m.entries())
	}
	testutil.Tree{".moss/boot/failed/2": "reason: no init\n"}.Create(t, m.root)
	m.count(2, "+2-1")
	if m.setDefault(2); m.mark(2) != "" || m.entries() != "1 2+2-1 3" {
		t.Errorf("feared: got the mark %q and %s, want the tries that it has", m.mark(2), m.entries())
	}
}

// TestSetDefaultBeatsWhatSomebodyElseChose: in loader.conf and in the variable.
func TestSetDefaultBeatsWhatSomebodyElseChose(t *testing.T) {
	m := newMachine(t, 2)
	testutil.Tree{"loader/entries/other.conf": "title Other\nlinux /k\n", "k": "kernel", "loader/loader.conf": "default other*\ntimeout 9\n"}.Create(t, filepath.Join(m.root, "efi"))
	m.set("LoaderEntryDefault", "other.conf")
	if _, err := system.SyncMenu(t.Context(), m.opt); err != nil || m.variable("LoaderEntryDefault") != "other.conf" {
		t.Fatalf("got %v and %q, want a sync to leave it", err, m.variable("LoaderEntryDefault"))
	}
	if done := m.setDefault(1); done.Next.State != 1 || m.variable("LoaderEntryDefault") != "" {
		t.Errorf("got %+v and %q", done, m.variable("LoaderEntryDefault"))
	}
	if conf := testutil.Read(t, filepath.Join(m.root, "efi/loader/loader.conf")); strings.Contains(conf, "other") || !strings.Contains(conf, "timeout 9") {
		t.Errorf("got %q", conf)
	}
}

// stubborn are variables that cannot be changed.
type stubborn struct {
	*efivar.Memory
	cause error
}

func (s stubborn) Write(key efivar.Key, _ []byte, _ efivar.Attributes) error {
	return &efivar.ChangeError{Op: "write", Name: key.Name, Err: s.cause}
}

func (s stubborn) Delete(key efivar.Key) error {
	return &efivar.ChangeError{Op: "delete", Name: key.Name, Err: s.cause}
}
