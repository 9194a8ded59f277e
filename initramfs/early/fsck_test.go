package early

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"moss/internal/cmdline"
	"moss/internal/testutil"
	"moss/internal/testutil/need"
)

func TestCheckArguments(t *testing.T) {
	for _, tt := range []struct{ line, kind, want string }{
		{"", "ext4", "/t -a /n"},
		{"fsck.mode=auto fsck.repair=preen", "ext4", "/t -a /n"},
		{"fsck.mode=force", "ext4", "/t -a -f /n"},
		{"fsck.mode=force fsck.mode=auto", "ext4", "/t -a /n"},
		{"fsck.mode=skip", "ext4", ""},
		{"fsck.mode=skip fsck.repair=yes", "ext4", ""},
		{"fsck.repair=yes", "ext3", "/t -y /n"},
		{"fsck.repair=no fsck.mode=force", "ext2", "/t -n -f /n"},
		{"fastboot", "ext4", ""},
		{"forcefsck", "ext4", "/t -a -f /n"},
		{"", "vfat", "/t -a /n"},
		{"", "xfs", ""}, {"", "btrfs", ""}, {"", "f2fs", ""},
		{"fsck.mode=force", "xfs", "/t -a /n"}, {"fsck.mode=force", "f2fs", "/t -a -f /n"},
	} {
		if got := strings.Join(checkArguments(cmdline.Parse(tt.line), "/t", tt.kind, "/n"), " "); got != tt.want {
			t.Errorf("%q of %s: got %q, want %q", tt.line, tt.kind, got, tt.want)
		}
	}
	if got := checkArguments(cmdline.Parse("fsck.mode=force"), "", "ext4", "/n"); got != nil {
		t.Errorf("without a program: got %v", got)
	}
}

// checked is a machine whose image has a checker that is a script, after its
// step; calls is how often it was called and with what.
func checked(t *testing.T, script string) (b *Boot, calls string) {
	t.Helper()
	b = machine(t, "rw")
	b.root = &blockDevice{Name: "vda", Node: "/dev/vda", Holds: superblock{Type: "ext4"}}
	testutil.Tree{"dev/null": "", "usr/sbin/fsck.ext4": "0755:#!/bin/sh\ncd " + b.Top + "; echo \"$@\" >>calls\n" + script + "\n", "calls": ""}.Create(t, b.Top)
	if err := b.checkRoot(); err != nil {
		t.Errorf("%q: got %v, want the boot to go on", script, err)
	}
	return b, testutil.Read(t, b.path("calls"))
}

func TestCheckRoot(t *testing.T) {
	const once = "-a /dev/vda\n"
	for script, want := range map[string]struct {
		calls, said    string
		marked, damage bool
	}{
		"exit 0":              {once, "", true, false},
		"echo mended; exit 1": {once, "mended", true, false},
		"exit 2":              {once + once, "ended with 2 (it asks for a restart); it is mounted read-only", false, true},
		"test $(wc -l <calls) = 1 && exit 3; exit 0": {once + once, "", true, false},
		"echo bad inode; exit 4":                     {once, "is damaged: /usr/sbin/fsck.ext4 ended with 4 (errors are left); it is mounted read-only", false, true},
		"exit 12":                                    {once, "(errors are left, it could not do its work)", false, true},
		"exit 8":                                     {once, "was not checked: /usr/sbin/fsck.ext4 ended with 8 (it could not do its work); going on", false, false},
		"exit 127":                                   {once, "was not checked: /usr/sbin/fsck.ext4 ended with 127 (it did not run to its end)", false, false},
		"kill -KILL $$":                              {once, "ended with 137", false, false},
	} {
		b, calls := checked(t, script)
		if calls != want.calls || !strings.Contains(screen(t, b), want.said) || (want.said == "") != (screen(t, b) == "") {
			t.Errorf("%q: got calls %q and\n%s", script, calls, screen(t, b))
		}
		_, err := os.Stat(b.path("run/initramfs/fsck-root"))
		if marked := err == nil; marked != want.marked {
			t.Errorf("%q: got the system's own check left out: %v", script, marked)
		}
		flags, _ := b.rootOptions()
		if (b.care.damaged != "") != want.damage || (flags&unix.MS_RDONLY != 0) != want.damage {
			t.Errorf("%q: got damage %q and flags %#x", script, b.care.damaged, flags)
		}
	}
}

// A root with errors that are left is not even made writable for a moment.
func TestDamagedRootStaysReadOnly(t *testing.T) {
	m := &rootMount{path: "/nonexistent", flags: unix.MS_RDONLY, damaged: "errors are left"}
	if err := m.writable(); err == nil || err.Error() != "the root stays read-only, for errors are left" || m.opened {
		t.Errorf("got %v", err)
	}
}

func TestNoChecker(t *testing.T) {
	for name, tree := range map[string]testutil.Tree{
		"none": {}, "one for another type": {"sbin/fsck.xfs": "0755:#!/bin/sh\nexit 4"}, "no program": {"sbin/fsck.ext4": "0644:x"},
	} {
		b := machine(t, "fsck.mode=force")
		b.root = &blockDevice{Name: "vda", Holds: superblock{Type: "ext4"}}
		tree.Create(t, b.Top)
		if err := b.checkRoot(); err != nil || screen(t, b) != "" || b.care.damaged != "" {
			t.Errorf("%s: got %v, %q", name, err, screen(t, b))
		}
	}
}

// The real e2fsck on a real ext4: whole, with what it mends by itself, and with
// what it does not.
func TestRealCheck(t *testing.T) {
	real := need.Program(t, "mkfs.ext4")
	real = filepath.Join(filepath.Dir(real), "e2fsck")
	for name, tt := range map[string]struct {
		harm            string
		marked, damaged bool
	}{
		"whole":       {"stats", true, false},
		"mended":      {"ssv free_blocks_count 7", true, false},
		"beyond that": {"clri <2>", false, true},
	} {
		b := machine(t, "fsck.mode=force")
		image := b.path("image")
		makeImage(t, image, 8<<20, "mkfs.ext4 -q -F")
		testutil.Run(t, "debugfs", "-w", "-R", tt.harm, image)
		b.root = &blockDevice{Name: "vda", Node: image, Holds: probeNode(image, 8<<20)}
		testutil.Tree{"dev/null": "", "sbin/fsck.ext4": "0755:#!/bin/sh\nexec " + real + ` "$@"` + "\n"}.Create(t, b.Top)
		if err := b.checkRoot(); err != nil {
			t.Fatal(err)
		}
		_, err := os.Stat(b.path("run/initramfs/fsck-root"))
		if (err == nil) != tt.marked || (b.care.damaged != "") != tt.damaged {
			t.Errorf("%s: got %v, damage %q\n%s", name, err, b.care.damaged, screen(t, b))
		}
	}
}
