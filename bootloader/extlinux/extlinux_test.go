package extlinux_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moss/bootloader/bls"
	"moss/bootloader/extlinux"
	"moss/internal/mount"
	"moss/internal/testutil"
)

func entry(t *testing.T, file, text string) bls.Entry {
	t.Helper()
	e, err := bls.Parse(file, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func state(t *testing.T, n int, key string) bls.Entry {
	return entry(t, fmt.Sprintf("moss-0123456789ab-%d-6.1_.conf", n), fmt.Sprintf("title Test OS, state %d^\nsort-key %s\nversion %d-6.1\nlinux /moss-0123456789ab/aa.linux\n"+
		"initrd /moss-0123456789ab/ucode.initrd\ninitrd moss-0123456789ab\\bb.initrd\noptions root=UUID=1234 rw\noptions moss.fstx=%d\n", n, key, n, n))
}

func TestText(t *testing.T) {
	text, leftOut := extlinux.Text([]bls.Entry{state(t, 9, "os"), state(t, 10, "os"), state(t, 2, "0-os")}, "/boot")
	want := `# Written by moss-boot at each sync; changes are lost.
# A DEFAULT line after the INCLUDE of this file wins over this one.
DEFAULT moss-0123456789ab-2-6.1_

LABEL moss-0123456789ab-2-6.1_
	MENU LABEL Test OS, state 2
	LINUX /boot/moss-0123456789ab/aa.linux
	INITRD /boot/moss-0123456789ab/ucode.initrd,/boot/moss-0123456789ab/bb.initrd
	APPEND root=UUID=1234 rw moss.fstx=2

LABEL moss-0123456789ab-10-6.1_
`
	if got := string(text); len(leftOut) > 0 || !strings.HasPrefix(got, want) {
		t.Errorf("%v %s", leftOut, cmp.Diff(want, got))
	}
	if got := strings.Count(string(text), "\nLABEL "); got != 3 {
		t.Errorf("got %d labels, want 3", got)
	}
}

// TestTextLeavesOut: what would start nothing, or something else.
func TestTextLeavesOut(t *testing.T) {
	bad := entry(t, "moss-0123456789ab-9-6.1_+0-3.conf", "sort-key os\nversion 9-6.1\nlinux /k\n")
	good := entry(t, "moss-0123456789ab-8-6.1_.conf", "sort-key os\nversion 8-6.1\nlinux /k\n")
	hidden, missing := good, good
	hidden.Hidden, missing.Missing = "no file /k", []string{"/i"}
	entries := []bls.Entry{bad, good, hidden, missing,
		entry(t, "a.conf", "efi /x.efi\n"),
		entry(t, "b.conf", "linux /a,b\n"),
		entry(t, "c.conf", "linux /a b\n"),
		entry(t, "d.conf", "linux /k\noptions "+strings.Repeat("x", 2040)+"\n"),
	}
	text, leftOut := extlinux.Text(entries, "")
	if len(leftOut) != 6 {
		t.Errorf("got %q, want six left out", leftOut)
	}
	if got := string(text); !strings.Contains(got, "DEFAULT moss-0123456789ab-8-6.1_\n") || strings.Count(got, "LABEL moss-") != 4 || strings.Count(got, "\n\tAPPEND -\n") != 2 {
		t.Errorf("got %s, want the good one as default and the bad one after it", got)
	}
	if text, _ := extlinux.Text(nil, ""); strings.Contains(string(text), "DEFAULT") {
		t.Errorf("got %s for no entries", text)
	}
}

func TestPrefix(t *testing.T) {
	points := []mount.Point{{Path: "/", FSType: "ext4", Root: "/"}, {Path: "/efi", FSType: "vfat", Root: "/"}, {Path: "/mnt/img", FSType: "ext4", Root: "/"},
		{Path: "/mnt/img/boot", FSType: "ext4", Root: "/"}, {Path: "/bound", FSType: "ext4", Root: "/srv/boot"}, {Path: "/btr", FSType: "btrfs", Root: "/@"}}
	for _, c := range []struct{ root, dir, want string }{
		{"/", "/boot", "/boot"},
		{"/", "/efi", ""},
		{"/", "/mnt/img/boot", ""},
		{"/mnt/img", "/mnt/img/boot", ""},
		{"/mnt/img", "/mnt/img/efi", "/efi"},
		{"/srv/tree", "/srv/tree/boot", "/boot"},
		{"/srv/tree", "/srv/other", ""},
		{"/srv/tree", "/efi", ""},
		{"/", "/bound", "/srv/boot"},
		{"/btr", "/btr/boot", "/boot"},
	} {
		if got := extlinux.Prefix(c.root, c.dir, points); got != c.want {
			t.Errorf("%s of %s: got %q, want %q", c.dir, c.root, got, c.want)
		}
	}
}

// run plans and applies, and makes sure that nothing is left to do.
func run(t *testing.T, dir string, w extlinux.Want) extlinux.Plan {
	t.Helper()
	look := func() extlinux.Plan {
		found, err := extlinux.Look(dir, "0123456789ab")
		if err != nil {
			t.Fatal(err)
		}
		return extlinux.MakePlan(w, found)
	}
	plan := look()
	if err := extlinux.Apply(plan); err != nil {
		t.Fatal(err)
	}
	if again := look(); len(again.Steps) > 0 {
		t.Errorf("a second run would %v", again.Steps)
	}
	return plan
}

const ours = "moss-0123456789ab.conf"

func TestAForeignConfigurationIsNeverChanged(t *testing.T) {
	for name, c := range map[string]struct {
		tree  testutil.Tree
		notes int
	}{
		"its own":            {testutil.Tree{"extlinux/extlinux.conf": "DEFAULT debian\n"}, 1},
		"the other name":     {testutil.Tree{"SYSLINUX/syslinux.cfg": "DEFAULT debian\n"}, 1},
		"with the line":      {testutil.Tree{"extlinux/extlinux.conf": "DEFAULT x\n  include /extlinux/" + ours + "\n"}, 0},
		"with a menu's line": {testutil.Tree{"extlinux/extlinux.conf": "MENU INCLUDE " + ours + " moss\n"}, 0},
		"in a comment":       {testutil.Tree{"extlinux/extlinux.conf": "# INCLUDE " + ours + "\n"}, 1},
	} {
		dir := t.TempDir()
		c.tree.Create(t, dir)
		before := testutil.List(t, dir)
		plan := run(t, dir, extlinux.Want{Entries: []bls.Entry{state(t, 1, "os")}})
		after := slices.DeleteFunc(testutil.List(t, dir), func(line string) bool { return strings.Contains(line, "/"+ours+" ") })
		if diff := cmp.Diff(before, after); diff != "" || len(plan.Notes) != c.notes {
			t.Errorf("%s: notes %q\n%s", name, plan.Notes, diff)
		}
		if c.notes > 0 && !strings.Contains(strings.ToLower(plan.Notes[0]), "linux/"+ours) {
			t.Errorf("%s: got %q, want the line to add", name, plan.Notes)
		}
	}
}

func TestAFirstConfiguration(t *testing.T) {
	dir := t.TempDir()
	testutil.Tree{"extlinux/ldlinux.sys": "x"}.Create(t, dir)
	one := extlinux.Want{Entries: []bls.Entry{state(t, 1, "os")}, Prefix: "/boot"}
	run(t, dir, one)
	config := testutil.Read(t, filepath.Join(dir, "extlinux/extlinux.conf"))
	if !strings.HasSuffix(config, "TIMEOUT 50\nINCLUDE /boot/extlinux/"+ours+"\n") {
		t.Errorf("got %s", config)
	}
	one.Entries = nil
	run(t, dir, one)
	if got := testutil.Read(t, filepath.Join(dir, "extlinux", ours)); strings.Contains(got, "LABEL") {
		t.Errorf("got %s, want a file that can be included and has nothing", got)
	}
}

// TestFolderOnlyWhereNothingElseStarts: a machine with another loader gets none.
func TestFolderOnlyWhereNothingElseStarts(t *testing.T) {
	for name, c := range map[string]struct {
		tree  testutil.Tree
		alone bool
		want  bool
	}{
		"UEFI":         {testutil.Tree{}, false, false},
		"nothing else": {testutil.Tree{}, true, true},
		"GRUB":         {testutil.Tree{"grub/grub.cfg": ""}, true, false},
		"systemd-boot": {testutil.Tree{"EFI/systemd/": "", "EFI/BOOT/BOOTX64.EFI": ""}, true, true},
	} {
		dir := t.TempDir()
		c.tree.Create(t, dir)
		run(t, dir, extlinux.Want{Entries: []bls.Entry{state(t, 1, "os")}, Alone: c.alone})
		if _, err := os.Stat(filepath.Join(dir, "extlinux", ours)); (err == nil) != c.want {
			t.Errorf("%s: got %v, want made %v", name, err, c.want)
		}
	}
}
