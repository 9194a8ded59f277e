package system_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moss/bootloader"
	"moss/bootloader/esp"
	"moss/internal/system"
	"moss/internal/testutil"
)

const biosToken = "0123456789ab"

// biosMenu is a $BOOT with SYSLINUX and three entries of two kernels.
func biosMenu(t *testing.T) (system.Options, esp.Boot, func() string) {
	root := t.TempDir()
	entry := func(id, linux string) string {
		return "title state " + id + "\nsort-key os\nversion " + id + "-6.1\nlinux /moss-" + biosToken + "/" + linux + "\noptions moss.fstx=" + id + "\n"
	}
	testutil.Tree{
		"boot/syslinux/":                                    "",
		"boot/moss-" + biosToken + "/a.linux":               "a",
		"boot/moss-" + biosToken + "/b.linux":               "b",
		"boot/loader/entries/moss-0123456789ab-1-6.1_.conf": entry("1", "a.linux"),
		"boot/loader/entries/moss-0123456789ab-2-6.1_.conf": entry("2", "a.linux"),
		"boot/loader/entries/moss-0123456789ab-3-6.1_.conf": entry("3", "b.linux"),
		"boot/loader/entries/linux.conf":                    "linux /moss-" + biosToken + "/a.linux\n",
	}.Create(t, root)
	dir := filepath.Join(root, "boot")
	file := filepath.Join(dir, "syslinux/moss-"+biosToken+".conf")
	read := func() string {
		text, _ := os.ReadFile(file)
		return string(text)
	}
	return system.Options{Root: root, Log: func(string) {}}, esp.Boot{ESP: dir, Dir: dir}, read
}

func TestBIOSMenuFollows(t *testing.T) {
	opt, boot, text := biosMenu(t)
	dry := opt
	dry.DryRun = true
	lines, err := system.SyncBIOS(dry, boot, biosToken, nil)
	if err != nil || len(lines) != 2 || text() != "" {
		t.Errorf("dry: got %q, %v, %s", lines, err, text())
	}
	if lines, err = system.SyncBIOS(opt, boot, biosToken, nil); err != nil || len(lines) != 2 {
		t.Errorf("got %q, %v", lines, err)
	}
	if got := text(); !strings.Contains(got, "DEFAULT moss-0123456789ab-3-6.1_\n") || strings.Count(got, "LABEL moss-") != 3 || !strings.Contains(got, "LINUX /boot/moss-0123456789ab/b.linux\n") {
		t.Errorf("got %s", got)
	}
	if lines, err = system.SyncBIOS(opt, boot, biosToken, nil); err != nil || len(lines) != 0 {
		t.Errorf("second run: got %q, %v", lines, err)
	}
}

// TestBIOSMenuNeverNamesWhatGoes: before the steps of a sync, what they remove or
// change is out of the file already, unless nothing would be left.
func TestBIOSMenuNeverNamesWhatGoes(t *testing.T) {
	entry := func(boot esp.Boot, id string) string {
		return filepath.Join(boot.Dir, "loader/entries/moss-0123456789ab-"+id+"-6.1_.conf")
	}
	for name, c := range map[string]struct {
		coming func(esp.Boot) []bootloader.Step
		want   []string
	}{
		"an entry goes": {func(b esp.Boot) []bootloader.Step {
			return []bootloader.Step{{Op: bootloader.OpDrop, Path: entry(b, "3")}}
		}, []string{"2", "1"}},
		"an entry changes": {func(b esp.Boot) []bootloader.Step {
			return []bootloader.Step{{Op: bootloader.OpEntry, Path: entry(b, "2")}}
		}, []string{"3", "1"}},
		"a kernel goes": {func(b esp.Boot) []bootloader.Step {
			return []bootloader.Step{{Op: bootloader.OpSweep, Path: filepath.Join(b.Dir, "moss-"+biosToken, "a.linux")}}
		}, []string{"3"}},
		"an entry comes": {func(b esp.Boot) []bootloader.Step {
			return []bootloader.Step{{Op: bootloader.OpEntry, Path: entry(b, "4")}}
		}, []string{"3", "2", "1"}},
		"all goes": {func(b esp.Boot) []bootloader.Step {
			return []bootloader.Step{{Op: bootloader.OpDrop, Path: entry(b, "1")}, {Op: bootloader.OpDrop, Path: entry(b, "2")}, {Op: bootloader.OpDrop, Path: entry(b, "3")}}
		}, []string{"3", "2", "1"}},
	} {
		opt, boot, text := biosMenu(t)
		coming := c.coming(boot)
		if lines, err := system.SyncBIOS(opt, boot, biosToken, coming); err != nil || len(lines) > 0 || text() != "" {
			t.Errorf("%s, no file yet: got %q, %v", name, lines, err)
		}
		if _, err := system.SyncBIOS(opt, boot, biosToken, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := system.SyncBIOS(opt, boot, biosToken, coming); err != nil {
			t.Fatal(err)
		}
		var got []string
		for line := range strings.Lines(text()) {
			if id, ok := strings.CutPrefix(line, "\tMENU LABEL state "); ok {
				got = append(got, strings.TrimSpace(id))
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got states %v, want %v", name, got, c.want)
		}
	}
}
