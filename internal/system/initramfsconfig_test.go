package system

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moss/initramfs/image"
	"moss/internal/testutil"
	"moss/store"
)

func settings(t *testing.T, tree testutil.Tree) (initramfsConfig, []string, error) {
	t.Helper()
	dir := t.TempDir()
	tree.Create(t, dir)
	var said []string
	c, err := view{dir, filepath.Join(dir, "usr")}.initramfsSettings(func(line string) { said = append(said, line) })
	return c, said, err
}

func TestInitramfsSettingsLieOverOneAnother(t *testing.T) {
	got, said, err := settings(t, testutil.Tree{
		"usr/lib/moss/initramfs.yaml":            "mode: generic\nmodules: [a, b]\ncompress: xz\nkeymap: us\n",
		"usr/lib/moss/initramfs.d/10-luks.yaml":  "luks: yes\nmodules: c\n",
		"usr/lib/moss/initramfs.d/20-gone.yaml":  "omit: [never]\n",
		"usr/lib/moss/initramfs.d/30-null.yaml":  "omit: [never]\n",
		"usr/lib/moss/initramfs.d/40-other.yaml": "omit: [never]\n",
		"usr/lib/moss/initramfs.d/not-one.txt":   "junk",
		"etc/moss/initramfs.yaml":                "mode: host\ncompress: zstd\nlevel: 3\nmodules: [b, d]\nmicrocode: /etc/ucode\nfirmware: no\n",
		"etc/moss/initramfs.d/20-gone.yaml":      "",
		"etc/moss/initramfs.d/30-null.yaml":      "-> /dev/null",
		"etc/moss/initramfs.d/40-other.yaml":     "omit: [btrfs]\nfiles: [/etc/a]\nprograms: [e2fsck, /usr/bin/strace]\nrescue: yes\nfsck: auto\n",
	})
	want := initramfsConfig{
		mode: image.ModeHost, modules: []string{"a", "b", "c", "d"}, omit: []string{"btrfs"}, files: []string{"/etc/a"},
		programs: []string{"e2fsck", "/usr/bin/strace"}, keymap: "us", compress: "zstd", level: 3, firmware: image.No,
		microcode: "/etc/ucode", luks: image.Yes, fsck: image.Auto, rescue: true,
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(initramfsConfig{})); err != nil || diff != "" || said != nil {
		t.Errorf("got %v, %q, %s", err, said, diff)
	}
	got, _, err = settings(t, testutil.Tree{"usr/lib/moss/initramfs.yaml": "mode: host\n", "etc/moss/initramfs.yaml": ""})
	if err != nil || got.mode != image.ModeGeneric {
		t.Errorf("masked: got %v, %v, want the defaults", got.mode, err)
	}
}

func TestInitramfsSettingsSayWhatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"\nmodes: host\n":             "line 2: modes: no such key; want mode, modules, omit, files, programs,",
		"mode: tiny\n":                `line 1: mode: "tiny": want generic, host or list`,
		"modules: [a/b]\n":            `modules: "a/b": want a list of names of modules`,
		"modules: {a: b}\n":           "modules: a mapping: want a list",
		"files: [etc/x]\n":            `files: "etc/x": want a list of paths from /`,
		"programs: ['a b']\n":         "programs:",
		"keymap: -x\n":                `keymap: "-x": want the name of a keymap`,
		"compress: lz4\n":             `compress: "lz4": want zstd, xz, gzip or none`,
		"level: 20\n":                 `level: "20": want a number from 1 to 19`,
		"firmware: yes\n":             `firmware: "yes": want auto or no`,
		"microcode: some\n":           "microcode: \"some\": want auto, no or the path",
		"luks: maybe\n":               `luks: "maybe": want auto, yes or no`,
		"rescue: auto\n":              `rescue: "auto": want yes or no`,
		"fsck: [yes]\n":               "fsck: a list: want auto, yes or no",
		"mode: host\nmode: list\n":    "already defined",
		"just words\n":                "cannot unmarshal",
		"level: 12\ncompress: gzip\n": "level 12 is none of gzip",
		"level: 1\ncompress: xz\n":    "level 1 is none of xz",
	} {
		_, said, err := settings(t, testutil.Tree{"etc/moss/initramfs.d/x.yaml": text})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") || !errors.Is(err, store.ErrRefused) || said != nil {
			t.Errorf("%q: got %v, want one line with %q", text, err, want)
		}
		if strings.HasPrefix(want, "level") {
			continue
		}
		got, said, err := settings(t, testutil.Tree{"usr/lib/moss/initramfs.yaml": text, "etc/moss/initramfs.yaml": "luks: no\n"})
		if err != nil || len(said) != 1 || !strings.Contains(said[0], want) || got.luks != image.No {
			t.Errorf("vendor's %q: got %v, %q, want a warning", text, err, said)
		}
	}
}

func TestInitramfsHostOfAnotherRoot(t *testing.T) {
	dir := t.TempDir()
	testutil.Tree{"etc/moss/initramfs.yaml": "mode: host\n"}.Create(t, dir)
	cfg, err := InitramfsConfig(dir, filepath.Join(dir, "usr"), nil)
	if err != nil || cfg.Mode != image.ModeHost || cfg.Host != "" {
		t.Errorf("got %v on %q, %v, want a host image that has no machine", cfg.Mode, cfg.Host, err)
	}
	testutil.Tree{"etc/moss/initramfs.d/a.yaml": "modules: [ext4]\n"}.Create(t, dir)
	if cfg, err = InitramfsConfig(dir, filepath.Join(dir, "usr"), nil); err != nil || cfg.Mode != image.ModeList {
		t.Errorf("got %v, %v, want the modules that are named", cfg.Mode, err)
	}
}

func TestCompileKeymap(t *testing.T) {
	program := filepath.Join(t.TempDir(), "loadkeys")
	for script, want := range map[string]string{
		"printf 'bkeymap%s' \"$*\"":         "",
		"echo 'unknown keymap' >&2; exit 1": "unknown keymap",
		"echo something":                    "wrote no table",
	} {
		if err := os.WriteFile(program, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		got, err := compileKeymap(program, "de")
		if want == "" && (err != nil || string(got) != "bkeymap-b -u de") || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %q, %v, want %q", script, got, err, want)
		}
	}
	_, err := compileKeymap("no-such-loadkeys", "de")
	if wrong, ok := errors.AsType[*KeymapError](err); !ok || !strings.Contains(wrong.Hint(), "install kbd") {
		t.Errorf("got %v, want what to install", err)
	}
}
