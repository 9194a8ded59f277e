package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moss/internal/testutil"
	"moss/internal/ui"
)

// initramfs runs "moss-boot initramfs ARGS" and gives what it printed.
func initramfs(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	root := newRootCommand()
	root.SetOut(&out)
	root.SetErr(&out)
	root.SetArgs(append([]string{"initramfs"}, args...))
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

// smallSystem has one kernel with ext4, and the header of a static program as
// moss-init.
func smallSystem(t *testing.T) string {
	t.Helper()
	t.Setenv("SOURCE_DATE_EPOCH", "")
	dir := t.TempDir()
	testutil.Tree{
		"usr/lib/modules/6.1.0/kernel/ext4.ko": "\x7fELF ext4",
		"usr/lib/modules/6.1.0/kernel/odd.ko":  "\x7fELF odd",
		"usr/lib/modules/6.1.0/modules.dep":    "kernel/ext4.ko:\nkernel/odd.ko:\n",
		"usr/lib/moss/":                        "",
	}.Create(t, dir)
	elf := make([]byte, 64)
	copy(elf, "\x7fELF\x02\x01\x01")
	elf[16], elf[18], elf[20], elf[52], elf[54] = 2, 62, 1, 64, 56
	if err := os.WriteFile(filepath.Join(dir, "usr/lib/moss/moss-init"), elf, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestInitramfsBuildThenList(t *testing.T) {
	dir, file := smallSystem(t), filepath.Join(t.TempDir(), "initrd")
	out, err := initramfs(t, "build", "-D", dir, "-o", file, "--modules", "odd", "--json")
	if err != nil {
		t.Fatal(err)
	}
	var got built
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(got.Missing, "btrfs") {
		t.Errorf("got missing %v, want btrfs in it", got.Missing)
	}
	got.Missing = nil
	want := built{File: file, Bytes: info.Size(), Kernel: "6.1.0", Modules: []string{"ext4", "odd"}, Compress: "zstd", Firmware: []string{}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}

	out, err = initramfs(t, "list", file, "--json")
	var list []listed
	if err := errors.Join(err, json.Unmarshal([]byte(out), &list)); err != nil {
		t.Fatal(err)
	}
	for _, e := range []listed{
		{"init", "100755", 64, ""}, {"lib", "120777", 7, "usr/lib"},
		{"usr/lib/modules/6.1.0/kernel/odd.ko", "100644", 8, ""},
	} {
		if !slices.Contains(list, e) {
			t.Errorf("got %v, want %v in it", list, e)
		}
	}
	if out, err = initramfs(t, "list", file); err != nil || !strings.Contains(out, "120777  7     lib -> usr/lib\n") {
		t.Errorf("got %v\n%s, want a table with the link", err, out)
	}
}

func TestInitramfsBuildSaysOneLine(t *testing.T) {
	dir, file := smallSystem(t), filepath.Join(t.TempDir(), "initrd")
	out, err := initramfs(t, "build", "-D", dir, "-o", file, "--compress", "none", "--kernel", "6.1.0")
	if err != nil || strings.Count(out, "\n") != 1 || !strings.Contains(out, "1 modules of kernel 6.1.0, none") {
		t.Errorf("got %q, %v, want one line of summary", out, err)
	}
	if out, err := initramfs(t, "build", "-D", dir, "-o", file, "-q"); err != nil || out != "" {
		t.Errorf("quiet: got %q, %v, want nothing", out, err)
	}
}

func TestInitramfsSourceDate(t *testing.T) {
	dir, file := smallSystem(t), filepath.Join(t.TempDir(), "initrd")
	for when, want := range map[string]string{"1700000000": "6553F100", "": "00000000"} {
		t.Setenv("SOURCE_DATE_EPOCH", when)
		if _, err := initramfs(t, "build", "-D", dir, "-o", file, "--compress", "none"); err != nil {
			t.Fatal(err)
		}
		image, err := os.ReadFile(file)
		if err != nil || string(image[46:54]) != want {
			t.Errorf("got time %s, %v, want %s", image[46:54], err, want)
		}
	}
}

func TestInitramfsErrors(t *testing.T) {
	dir := smallSystem(t)
	file := filepath.Join(t.TempDir(), "initrd")
	for _, c := range []struct {
		args  []string
		epoch string
		want  string
		hint  string
		usage bool
	}{
		{args: []string{}, want: "needs a verb", usage: true},
		{args: []string{"build", "-D", dir}, want: "-o FILE", usage: true},
		{args: []string{"build", "-D", dir, "-o", file, "x"}, want: "unknown command", usage: true},
		{args: []string{"build", "-D", dir, "-o", file, "--compress", "lz4"}, want: `"lz4"`, hint: "zstd, xz, gzip or none", usage: true},
		{args: []string{"build", "-D", dir, "-o", file}, epoch: "soon", want: `"soon"`, usage: true},
		{args: []string{"build", "-D", dir, "-o", file, "--kernel", "7"}, want: "kernel 7 has no modules", hint: "there are: 6.1.0"},
		{args: []string{"build", "-D", dir, "-o", file, "--modules", "zfs"}, want: "zfs: no such module"},
		{args: []string{"build", "-D", dir, "-o", file, "--init", "/nowhere"}, want: "/nowhere"},
		{args: []string{"build", "-D", dir, "-o", file, "--rescue"}, want: "usr/bin/busybox: no such file"},
		{args: []string{"build", "-D", dir, "-o", file, "--busybox", "/bin/busybox"}, want: "--rescue", usage: true},
		{args: []string{"list"}, want: "accepts 1 arg", usage: true},
		{args: []string{"list", file}, want: "no such file"},
		{args: []string{"list", "/proc/version"}, want: "/proc/version: list image: neither"},
	} {
		t.Setenv("SOURCE_DATE_EPOCH", c.epoch)
		_, err := initramfs(t, c.args...)
		var usage *ui.UsageError
		if err == nil || !strings.Contains(err.Error(), c.want) || errors.As(err, &usage) != c.usage {
			t.Errorf("%v: got %v, want %q, usage %v", c.args, err, c.want, c.usage)
		}
		if hint := ui.Hint(err); !strings.Contains(hint, c.hint) {
			t.Errorf("%v: got hint %q, want %q", c.args, hint, c.hint)
		}
	}
	if names, _ := os.ReadDir(filepath.Dir(file)); len(names) != 0 {
		t.Errorf("a failed build left %v", names)
	}
}
