package main

import (
	"path/filepath"
	"strings"
	"testing"

	"moss/internal/testutil"
)

// TestScriptOfInitramfsTools runs dist's script with stand-ins for its program and
// for what initramfs-tools gives it: the boot stops only where the program says so.
func TestScriptOfInitramfsTools(t *testing.T) {
	text := testutil.Read(t, "../../dist/initramfs-tools/scripts/local-bottom/moss")
	for _, tt := range []struct{ line, program, want string }{
		{"ro quiet", "exit 1", ""},
		{"ro xmoss.fstx=3", "exit 1", ""},
		{"ro moss.fstx=3", "echo $*", "activate --sysroot /root"},
		{"ro moss.fstx=3", "exit 1", "panic moss: no state can boot"},
		{"ro moss.fstx=3", "", "warning moss: PROGRAM is not in this initramfs; booting the /usr that is there"},
	} {
		dir := t.TempDir()
		program := filepath.Join(dir, "moss-init")
		tree := testutil.Tree{"cmdline": tt.line + "\n", "functions": "panic() { echo panic \"$@\"; }\nlog_warning_msg() { echo warning \"$@\"; }\nrootmnt=/root\n"}
		if tt.program != "" {
			tree["moss-init"] = "0755:#!/bin/sh\n" + tt.program + "\n"
		}
		tree["script"] = strings.NewReplacer("/scripts/functions", filepath.Join(dir, "functions"), "/proc/cmdline", filepath.Join(dir, "cmdline"),
			"/usr/lib/moss/moss-init", program).Replace(text)
		tree.Create(t, dir)
		if got := testutil.Run(t, "sh", filepath.Join(dir, "script")); got != strings.ReplaceAll(tt.want, "PROGRAM", program) {
			t.Errorf("%+v: got %q", tt, got)
		}
	}
}

// TestHookOfDracut runs moss-init once: the unit did where the report is there.
func TestHookOfDracut(t *testing.T) {
	text := testutil.Read(t, "../../dist/dracut/90moss/moss-activate.sh")
	for _, tt := range []struct{ line, report, program, want string }{
		{"moss.fstx=3", "", "echo $*", "activate --sysroot /sysroot"},
		{"moss.fstx=3", "{}", "echo $*", ""},
		{"quiet", "", "echo $*", ""},
		{"moss.fstx=3", "", "exit 1", "die moss: no state can boot"},
	} {
		dir := t.TempDir()
		tree := testutil.Tree{"moss-init": "0755:#!/bin/sh\n" + tt.program + "\n"}
		if tt.report != "" {
			tree["boot.json"] = tt.report
		}
		tree["script"] = "getarg() { case '" + tt.line + "' in $1*) echo 3;; *) return 1;; esac; }\ndie() { echo die \"$@\"; }\nNEWROOT=/sysroot\n" +
			strings.NewReplacer("/run/moss", dir, "/usr/lib/moss", dir).Replace(text)
		tree.Create(t, dir)
		if got := testutil.Run(t, "sh", filepath.Join(dir, "script")); got != tt.want {
			t.Errorf("%+v: got %q", tt, got)
		}
	}
}

// TestUnitOfDracut: a root that hooks mount is not there when the unit's turn comes,
// which must not be a failure of the target that requires it; then the hook serves.
func TestUnitOfDracut(t *testing.T) {
	unit := testutil.Read(t, "../../dist/dracut/90moss/moss-activate.service")
	if !strings.Contains(unit, "\nConditionPathIsMountPoint=/sysroot\n") {
		t.Errorf("got %s", unit)
	}
	setup := testutil.Read(t, "../../dist/dracut/90moss/module-setup.sh")
	if !strings.Contains(setup, "    fi\n    inst_hook pre-pivot 10 \"$moddir/moss-activate.sh\"\n}") {
		t.Errorf("got %s", setup)
	}
}
