package sdboot_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"moss/bootloader/efivar"
	"moss/bootloader/esp"
	"moss/bootloader/sdboot"
	"moss/internal/testutil"
)

const other = "11111111-2222-3333-4444-555555555555"

// TestPain13OneFirmwareEntry: one entry, the lowest number reused, duplicates
// gone, everybody else's entries and their order as they were.
func TestPain13OneFirmwareEntry(t *testing.T) {
	for _, c := range []struct {
		name  string
		setup func(*rig)
		want  string
	}{
		{"none yet", func(*rig) {}, "Boot0000 BootOrder=0000"},
		{"the lowest free number, first", func(r *rig) {
			r.entry(0, other, mainX64, "")
			r.entry(2, guid, "EFI/debian/shimx64.efi", "")
			r.order(2, 0)
		},
			"Boot0000 Boot0001 Boot0002 BootOrder=010002000000"},
		{"ours already", func(r *rig) { r.entry(4, guid, mainX64, ""); r.entry(1, other, "EFI/x.efi", ""); r.order(1, 4) }, "Boot0001 Boot0004 BootOrder=04000100"},
		{"duplicates", func(r *rig) {
			for _, index := range []uint16{9, 3, 6} {
				r.entry(index, guid, mainX64, "")
			}
			r.order(9, 1, 6, 3)
			r.write("BootNext", []byte{9, 0})
		}, "Boot0003 BootOrder=03000100"},
		{"one with data of its own stays", func(r *rig) { r.entry(3, guid, mainX64, ""); r.entry(4, guid, mainX64, "theirs"); r.order(4, 3) }, "Boot0003 Boot0004 BootOrder=03000400"},
		{"in another case", func(r *rig) { r.entry(7, strings.ToUpper(guid), strings.ToUpper(mainX64), "") }, "Boot0007 BootOrder=0700"},
		{"an entry nobody can read", func(r *rig) { r.write("Boot0000", []byte{1}); r.write("Boot0001", []byte("garbage, garbage")) },
			"Boot0000 Boot0001 Boot0002 BootOrder=0200"},
		{"the same file of another disk", func(r *rig) { r.entry(0, other, mainX64, ""); r.order(0) }, "Boot0000 Boot0001 BootOrder=01000000"},
	} {
		r := newRig(t, nil, boot("252"))
		c.setup(r)
		r.run(sdboot.Install)
		if got := r.firmware(); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

// TestPain13TheEntryFollowsThePartition: a partition that was moved or numbered
// anew, or an entry that was switched off, is written again under its number.
func TestPain13TheEntryFollowsThePartition(t *testing.T) {
	r := newRig(t, nil, boot("252"))
	r.entry(2, guid, mainX64, "")
	r.ask.Partition.Number, r.ask.Partition.Start = 3, 4096
	r.run(sdboot.Install)
	raw, _, _ := r.vars.Read(key("Boot0002"))
	want, _ := sdboot.DevicePath(r.ask.Partition, mainX64)
	option, err := sdboot.ParseOption(raw)
	if err != nil || string(option.Path) != string(want) || option.Description != "an entry" {
		t.Errorf("got %+v, %v, want the new place and the old description", option, err)
	}
	option.Attributes = 0
	r.write("Boot0002", option.Bytes())
	r.run(sdboot.Install)
	if entries := r.scan().Firmware.Entries(r.ask.Partition); len(entries) != 1 || !entries[0].Active || !entries[0].First || entries[0].Name != "Boot0002" {
		t.Errorf("got %+v", entries)
	}
}

func TestPain13OrderAndVariablesOnRequest(t *testing.T) {
	r := newRig(t, nil, boot("252"))
	r.entry(1, other, "EFI/x.efi", "")
	r.order(1)
	r.ask.NoOrder = true
	r.run(sdboot.Install)
	if got := r.firmware(); got != "Boot0000 Boot0001 BootOrder=01000000" {
		t.Errorf("got %s, want ours last", got)
	}
	r.run(sdboot.Remove)
	if got := r.firmware(); got != "Boot0001 BootOrder=0100" {
		t.Errorf("got %s, want it as before", got)
	}
	for name, setup := range map[string]func(){
		"--no-variables": func() { r.ask.NoVariables = true },
		"no partition":   func() { r.ask.NoVariables, r.ask.Partition = false, sdboot.Partition{} },
	} {
		setup()
		plan := r.run(sdboot.Install)
		if got := r.firmware(); got != "Boot0001 BootOrder=0100" || len(plan.Notes) == 0 || len(plan.Warnings) > 0 {
			t.Errorf("%s: got %s, notes %q, warnings %q", name, got, plan.Notes, plan.Warnings)
		}
		if got := r.starts(); got != "252" {
			t.Errorf("%s: firmware starts %q, want it by the fallback path", name, got)
		}
	}
}

// full is a firmware that stores nothing more.
type full struct{ *efivar.Memory }

func (full) Write(k efivar.Key, _ []byte, _ efivar.Attributes) error {
	return fmt.Errorf("write EFI variable %s: %w", k.Name, unix.ENOSPC)
}

// TestPain13FullNVRAM: a warning while firmware finds the loader by itself, an
// error when it would not.
func TestPain13FullNVRAM(t *testing.T) {
	r := newRig(t, nil, boot("252"))
	warnings, err := sdboot.Apply(r.plan(sdboot.Install), full{r.vars})
	if err != nil || len(warnings) != 1 || !strings.Contains(warnings[0], "no space left") {
		t.Errorf("got %q, %v, want one warning", warnings, err)
	}
	r.has(fallbackX64, boot("252"))

	r = newRig(t, testutil.Tree{fallbackX64: shim()}, boot("252"))
	if _, err := sdboot.Apply(r.plan(sdboot.Install), full{r.vars}); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("got %v, want an error: nothing starts the loader", err)
	}
	r.vars = nil
	if plan := r.plan(sdboot.Install); len(plan.Warnings) != 1 || !strings.Contains(plan.Warnings[0], "another system's") {
		t.Errorf("got %q, want a warning", plan.Warnings)
	}
}

// TestPain14EveryCutStarts stops each verb before every step and asks the
// firmware which loader starts: it is the old one or the new one, never none.
func TestPain14EveryCutStarts(t *testing.T) {
	t.Parallel() // it waits for the disk
	old := testutil.Tree{mainX64: boot("251"), fallbackX64: boot("251")}
	for _, c := range []struct {
		name string
		do   verb
		tree testutil.Tree
		ours bool // an entry for the program is first
		want []string
	}{
		{"install beside nothing", sdboot.Install, nil, false, []string{"", "252"}},
		{"install beside another system", sdboot.Install, testutil.Tree{fallbackX64: shim()}, false, []string{"another", "252"}},
		{"update by entry", sdboot.Update, old, true, []string{"251", "252"}},
		{"update by fallback", sdboot.Update, old, false, []string{"251", "252"}},
		{"update of a broken one", sdboot.Update, testutil.Tree{mainX64: "torn", fallbackX64: boot("251")}, true, []string{"251", "252"}},
		{"install over an old one", sdboot.Install, old, false, []string{"251", "252"}},
	} {
		if testing.Short() && !strings.HasPrefix(c.name, "update by") {
			continue
		}
		for stop, done := 0, false; !done; stop++ {
			r := newRig(t, c.tree, boot("252"))
			if c.ours {
				r.entry(0, guid, mainX64, "")
				r.order(0)
			}
			done = r.cut(c.do, stop) == "loader/done"
			if got := r.starts(); !slices.Contains(c.want, got) || done && got != "252" {
				t.Errorf("%s, cut before step %d: firmware starts %q, want one of %q", c.name, stop, got, c.want)
			}
			r.run(c.do) // what was cut is finished by the same command
			if got := r.starts(); got != "252" {
				t.Errorf("%s, cut before step %d and run again: firmware starts %q", c.name, stop, got)
			}
		}
	}
}

// TestPain14RemovalStartsToTheLast: as long as there is a file at all.
func TestPain14RemovalStartsToTheLast(t *testing.T) {
	cuts := 0
	for stop, done := 0, false; !done; stop++ {
		r := newRig(t, testutil.Tree{mainX64: boot("251"), keptX64: boot("250"), fallbackX64: boot("251")}, boot("252"))
		r.entry(0, guid, mainX64, "")
		r.order(0)
		done = r.cut(sdboot.Remove, stop) == "loader/done"
		if _, there := esp.Fold(r.esp.ESP, fallbackX64); there {
			cuts++
			if got := r.starts(); got != "251" {
				t.Errorf("cut before step %d: firmware starts %q", stop, got)
			}
		}
		r.run(sdboot.Remove)
		r.lacks("EFI/systemd")
	}
	if cuts < 4 {
		t.Errorf("got %d cuts before the fallback path went, want it last", cuts)
	}
}

// cut applies a plan up to a step, and says before which point it stopped.
func (r *rig) cut(do verb, stop int) string {
	r.t.Helper()
	errCut, where, passed := errors.New("cut"), "", 0
	_, err := sdboot.ApplyAt(r.plan(do), r.vars, func(name string) error {
		where = name
		if passed == stop {
			return errCut
		}
		passed++
		return nil
	})
	if !errors.Is(err, errCut) {
		r.t.Fatalf("got %v at %d", err, stop)
	}
	return where
}

// TestPain14ForeignLoadersStay: byte for byte, through everything.
func TestPain14ForeignLoadersStay(t *testing.T) {
	r := newRig(t, testutil.Tree{fallbackX64: shim(), "EFI/Microsoft/Boot/bootmgfw.efi": shim(), "EFI/BOOT/grubx64.efi": "grub"}, boot("252"))
	r.ask.Force = true
	before := others(t, r)
	for _, do := range []verb{sdboot.Install, sdboot.Update, sdboot.Install, sdboot.Remove} {
		plan := r.run(do)
		if got := others(t, r); !slices.Equal(got, before) {
			t.Fatalf("got %v, want %v", got, before)
		}
		if !strings.Contains(strings.Join(plan.Notes, "\n"), "BOOTX64.EFI is not systemd-boot and stays") {
			t.Errorf("got notes %q", plan.Notes)
		}
	}
	both := newRig(t, testutil.Tree{fallbackX64: shim(), mainX64: shim()}, boot("252"))
	both.refused(sdboot.Install, "other programs have its place")
	// A file at the fallback path that is no program may still be somebody's; an
	// empty one is nobody's.
	text := newRig(t, testutil.Tree{fallbackX64: "not a program"}, boot("252"))
	text.run(sdboot.Install)
	text.has(fallbackX64, "not a program")
	empty := newRig(t, testutil.Tree{fallbackX64: ""}, boot("252"))
	empty.run(sdboot.Install)
	empty.has(fallbackX64, boot("252"))
}

func others(t *testing.T, r *rig) []string {
	return slices.DeleteFunc(testutil.List(t, filepath.Join(r.esp.ESP, "EFI")), func(line string) bool { return strings.HasPrefix(line, "systemd") })
}

// TestPain14PreviousIsKept: the program before the last change, and no change
// without one.
func TestPain14PreviousIsKept(t *testing.T) {
	r := newRig(t, nil, boot("250"))
	r.run(sdboot.Install)
	for _, version := range []string{"251", "252"} {
		r.source(boot(version))
		r.run(sdboot.Update)
	}
	r.has(keptX64, boot("251"))
	r.source(boot("240"))
	r.run(sdboot.Update)
	r.has(mainX64, boot("252"))
	r.has(keptX64, boot("251"))
	r.ask.Force = true
	r.run(sdboot.Install)
	r.has(mainX64, boot("240"))
	r.has(keptX64, boot("252"))
}

// TestPain14AFailedProgramEndsThePlan: the copy that firmware falls back to is
// not touched any more.
func TestPain14AFailedProgramEndsThePlan(t *testing.T) {
	r := newRig(t, testutil.Tree{mainX64: boot("251"), fallbackX64: boot("251")}, boot("252"))
	plan := r.plan(sdboot.Update)
	i := slices.IndexFunc(plan.Steps, func(s sdboot.Step) bool { return s.Op == sdboot.OpProgram })
	plan.Steps[i].Path = "/dev/null/none"
	if _, err := sdboot.Apply(plan, r.vars); err == nil {
		t.Error("got no error")
	}
	r.has(fallbackX64, boot("251"))
	path := filepath.Join(r.esp.ESP, fallbackX64)
	if err := sdboot.Prove(path, []byte(boot("251"))); err != nil {
		t.Error(err)
	}
	for _, other := range []string{boot("252"), boot("251") + "x", boot("251")[:99]} {
		if err := sdboot.Prove(path, []byte(other)); err == nil {
			t.Error("other content reads back without an error")
		}
	}
}
