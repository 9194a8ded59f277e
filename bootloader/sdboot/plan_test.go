package sdboot_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moss/bootloader/efivar"
	"moss/bootloader/sdboot"
	"moss/internal/testutil"
)

func TestInstallOnAnEmptyESP(t *testing.T) {
	r := newRig(t, nil, boot("252.39"))
	plan := r.run(sdboot.Install)
	want := []sdboot.Op{"folder", "folder", "folder", "folder", "folder", "marker", "config", "program", "fallback", "set", "set"}
	if diff := cmp.Diff(want, ops(plan)); diff != "" {
		t.Error(diff)
	}
	r.has(mainX64, boot("252.39"))
	r.has(fallbackX64, boot("252.39"))
	r.has("loader/loader.conf", "timeout 5\n")
	r.has("loader/entries.srel", "type1\n")
	r.lacks("loader/random-seed")
	r.lacks(keptX64)
	if got := r.firmware(); got != "Boot0000 BootOrder=0000" {
		t.Errorf("got %s", got)
	}
	raw, attrs, err := r.vars.Read(key("Boot0000"))
	option, parseErr := sdboot.ParseOption(raw)
	if err != nil || parseErr != nil || attrs != efivar.Stored || option.Attributes != 1 || option.Description != "moss: Test OS" {
		t.Errorf("got %+v %v, %v, %v", option, attrs, err, parseErr)
	}
	if got := r.starts(); got != "252.39" {
		t.Errorf("firmware starts %q", got)
	}
}

// TestSettingsOfOthersStay: only what is absent is made.
func TestSettingsOfOthersStay(t *testing.T) {
	r := newRig(t, testutil.Tree{"Loader/loader.conf": "timeout 0\n", "loader2": "x", "Loader/Entries/": "", "efi/boot/": ""}, boot("252"))
	plan := r.run(sdboot.Install)
	r.has("Loader/loader.conf", "timeout 0\n")
	r.has("efi/boot/BOOTX64.EFI", boot("252"))
	r.lacks("loader/entries.srel")
	if slices.Contains(ops(plan), "marker") || slices.Contains(ops(plan), "config") {
		t.Errorf("got %v", ops(plan))
	}
	if names, _ := filepath.Glob(r.esp.ESP + "/*"); len(names) != 3 {
		t.Errorf("got %v: a folder was made twice in another case", names)
	}
}

func TestXBOOTLDR(t *testing.T) {
	r := newRig(t, nil, boot("252"))
	r.esp.Dir = t.TempDir()
	r.run(sdboot.Install)
	r.has(mainX64, boot("252"))
	r.lacks("loader/entries")
	r.has("loader/loader.conf", "timeout 5\n")
	if got := testutil.Read(t, filepath.Join(r.esp.Dir, "loader/entries.srel")); got != "type1\n" {
		t.Errorf("got %q", got)
	}
}

// TestEachPlace: what is written at one place, by what is there.
func TestEachPlace(t *testing.T) {
	t.Parallel()                   // it waits for the disk
	unsigned := boot("252.5") + "" // the same version in other bytes
	rebuilt := program(0x8664, magic("252.5")+"\n", false)
	for _, c := range []struct {
		name, there, source     string
		install, update, forced bool // whether the program is written
	}{
		{"nothing", "", unsigned, true, false, true},
		{"older", boot("252.4"), unsigned, true, true, true},
		{"older by number, not by letter", boot("99"), unsigned, true, true, true},
		{"a candidate of it", boot("252.5~rc1"), unsigned, true, true, true},
		{"the same", unsigned, unsigned, false, false, false},
		{"another build of the same", rebuilt, unsigned, false, false, true},
		{"the same, and ours is signed", unsigned, signedBoot("252.5"), true, true, true},
		{"the same, signed by somebody", signedBoot("252.5"), unsigned, false, false, true},
		{"newer", boot("252.10"), unsigned, false, false, true},
		{"newer, and ours is signed", boot("252.10"), signedBoot("252.5"), false, false, true},
		{"half a program", unsigned[:700], unsigned, true, true, true},
		{"zeros", string(make([]byte, 4096)), unsigned, true, true, true},
		{"another program", shim(), unsigned, false, false, false},
	} {
		for _, verb := range []struct {
			name  string
			do    verb
			force bool
			want  bool
		}{{"install", sdboot.Install, false, c.install}, {"update", sdboot.Update, false, c.update}, {"install --force", sdboot.Install, true, c.forced}} {
			tree := testutil.Tree{fallbackX64: boot("1")}
			if c.there != "" {
				tree[mainX64] = c.there
			}
			r := newRig(t, tree, c.source)
			r.ask.Force = verb.force
			got := slices.Contains(ops(r.run(verb.do)), sdboot.OpProgram)
			if got != verb.want {
				t.Errorf("%s, %s: got written %v, want %v", verb.name, c.name, got, verb.want)
			}
			want := c.there
			if verb.want {
				want = c.source
			}
			if want == "" {
				r.lacks(mainX64)
			} else {
				r.has(mainX64, want)
			}
		}
	}
}

// TestUpdateTouchesNoVariable: and makes no place that is not there.
func TestUpdateTouchesNoVariable(t *testing.T) {
	r := newRig(t, testutil.Tree{fallbackX64: boot("251")}, boot("252"))
	r.entry(3, guid, mainX64, "")
	r.order(7, 3)
	before := r.firmware()
	plan := r.run(sdboot.Update)
	if diff := cmp.Diff([]sdboot.Op{"fallback"}, ops(plan)); diff != "" || r.firmware() != before {
		t.Errorf("%s%s, want %s", diff, r.firmware(), before)
	}
	r.lacks(mainX64)
	r.lacks("loader")

	none := newRig(t, testutil.Tree{fallbackX64: shim()}, boot("252"))
	none.refused(sdboot.Update, "there is no systemd-boot")
}

func TestSecureBootRefusesWhatWouldNotStart(t *testing.T) {
	r := newRig(t, testutil.Tree{mainX64: signedBoot("251")}, boot("252"))
	r.write("SecureBoot", []byte{1})
	r.refused(sdboot.Install, "Secure Boot is on")
	r.refused(sdboot.Update, "Secure Boot is on")
	r.ask.Force = true
	r.run(sdboot.Install)
	r.has(mainX64, boot("252"))

	r = newRig(t, nil, signedBoot("252"))
	r.write("SecureBoot", []byte{1})
	r.run(sdboot.Install)
	r.has(mainX64, signedBoot("252"))
}

func TestNoSpace(t *testing.T) {
	r := newRig(t, nil, boot("252"))
	found := r.scan()
	found.Space.Cluster, found.Space.Free = 4096, 8*4096
	if plan, err := sdboot.Install(r.ask, found); err == nil || plan.Need != 9*4096 {
		t.Errorf("got need %d, %v, want 9 clusters and a refusal", plan.Need, err)
	}
	found.Space.Free++
	if _, err := sdboot.Install(r.ask, found); err == nil {
		t.Error("got no refusal with one byte more than 8 clusters")
	}
	found.Space.Free = 9 * 4096
	if _, err := sdboot.Install(r.ask, found); err != nil {
		t.Errorf("got %v with exactly enough", err)
	}
	found.Space.ReadOnly = true
	if _, err := sdboot.Install(r.ask, found); err == nil || !strings.Contains(err.Error(), "read-only") {
		t.Errorf("got %v, want read-only", err)
	}
}

// TestInterruptedWritesAreSwept: and nobody else's temporary files.
func TestInterruptedWritesAreSwept(t *testing.T) {
	left := testutil.Tree{"EFI/systemd/.systemd-bootx64.efi.tmp-12": "x", "EFI/systemd/.systemd-bootx64.efi.previous.tmp-1": "x", "EFI/BOOT/.BOOTX64.EFI.tmp-3": "x",
		"EFI/BOOT/.grub.cfg.tmp-3": "x", "EFI/systemd/.systemd-bootx64.efi.tmp-x": "x", mainX64: boot("252"), fallbackX64: boot("252")}
	for name, do := range map[string]verb{"install": sdboot.Install, "update": sdboot.Update} {
		r := newRig(t, left, boot("252"))
		if got := ops(r.run(do)); len(got) < 3 || got[2] != "sweep" {
			t.Errorf("%s: got %v, want three files swept first", name, got)
		}
		r.lacks("EFI/systemd/.systemd-bootx64.efi.tmp-12")
		r.has("EFI/BOOT/.grub.cfg.tmp-3", "x")
		r.has("EFI/systemd/.systemd-bootx64.efi.tmp-x", "x")
	}
}

func TestRemove(t *testing.T) {
	r := newRig(t, testutil.Tree{"EFI/Microsoft/Boot/bootmgfw.efi": shim(), "EFI/systemd/systemd-bootaa64.efi": program(0xaa64, magic("9"), false),
		"loader/entries/moss-0123456789ab-1-6.1_.conf": "linux /x\n", "loader/random-seed": "theirs"}, boot("252"))
	r.entry(5, guid, "EFI/Microsoft/Boot/bootmgfw.efi", "")
	r.order(5)
	r.run(sdboot.Install)
	r.source(boot("253"))
	r.run(sdboot.Update)
	r.has(keptX64, boot("252"))
	plan := r.run(sdboot.Remove)
	if got := ops(plan); got[0] != sdboot.OpSet || !strings.HasSuffix(plan.Steps[len(got)-3].Path, "BOOTX64.EFI") {
		t.Errorf("got %v, want the firmware first and the fallback path last", got)
	}
	for _, rel := range []string{"EFI/systemd", "EFI/BOOT"} {
		r.lacks(rel)
	}
	r.has("EFI/Microsoft/Boot/bootmgfw.efi", shim())
	r.has("loader/random-seed", "theirs")
	r.has("loader/loader.conf", "timeout 5\n")
	if got := r.firmware(); got != "Boot0005 BootOrder=0500" {
		t.Errorf("got %s", got)
	}
	if plan := r.plan(sdboot.Remove); len(plan.Steps) > 0 {
		t.Errorf("a second removal would %v", ops(plan))
	}
}

// TestRemoveLeavesOthers: their programs, their folders, and the loader itself
// while they need it.
func TestRemoveLeavesOthers(t *testing.T) {
	r := newRig(t, testutil.Tree{mainX64: boot("252"), fallbackX64: shim(), "EFI/systemd/drivers/x.efi": "x", "loader/entries/debian.conf": "linux /x\n",
		"EFI/Linux/their.efi": "x"}, boot("252"))
	r.refused(sdboot.Remove, "debian.conf, their.efi of another system")
	r.has(mainX64, boot("252"))
	r.ask.Force = true
	r.run(sdboot.Remove)
	r.lacks(mainX64)
	r.has(fallbackX64, shim())
	r.has("EFI/systemd/drivers/x.efi", "x")

	r = newRig(t, testutil.Tree{mainX64: shim()}, boot("252"))
	r.entry(1, guid, mainX64, "")
	r.order(1)
	if plan := r.plan(sdboot.Remove); len(plan.Steps) > 0 {
		t.Errorf("got %v for another's program at our path", ops(plan))
	}
}

// TestEqualInputEqualPlan: a plan has no order of a map in it.
func TestEqualInputEqualPlan(t *testing.T) {
	r := newRig(t, testutil.Tree{mainX64: boot("1"), keptX64: boot("0")}, boot("2"))
	for _, do := range []verb{sdboot.Install, sdboot.Update, sdboot.Remove} {
		var plans []sdboot.Plan
		for range 10 {
			plan := r.plan(do)
			plan.Have = 0 // the test's own disk is not ours alone
			plans = append(plans, plan)
		}
		for _, plan := range plans {
			if diff := cmp.Diff(plans[0], plan); diff != "" {
				t.Fatal(diff)
			}
		}
	}
	if _, err := os.Stat(filepath.Join(r.esp.ESP, fallbackX64)); err == nil {
		t.Error("planning wrote")
	}
}
