package image

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"moss/initramfs/kmod"
)

func TestBuildHoldsTheClosure(t *testing.T) {
	image, report := build(t, Config{Root: root(t), Compress: "none", Modules: []string{"odd-one"}})
	all := records(t, image)
	for name, want := range map[string]string{
		"init":                                string(program(0)),
		modulesDir + "kernel/fs/ext4.ko":      module("ext4"),
		modulesDir + "kernel/fs/jbd2.ko":      module("jbd2"),
		modulesDir + "kernel/crc32c-hw.ko":    module("crc32c_hw"),
		modulesDir + "kernel/odd_one.ko":      module("odd_one"),
		modulesDir + "modules.softdep":        "softdep ext4 pre: crypto-crc32c\n",
		modulesDir + "modules.alias":          "alias crypto-crc32c crc32c_hw\n",
		modulesDir + "modules.builtin":        "kernel/drivers/virtio_blk.ko\n",
		"lib":                                 "usr/lib",
		modulesDir + "kernel/unused.ko":       "<absent>",
		modulesDir + "kernel/odd_one.ko.xz":   "<absent>",
		modulesDir + "kernel/drivers/missing": "<absent>",
	} {
		got := "<absent>"
		if r, ok := all[name]; ok {
			data, err := io.ReadAll(io.NewSectionReader(r, 0, int64(r.FileSize)))
			if got = string(data); err != nil {
				t.Error(err)
			}
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	want := Report{
		Kernel: "6.1.0", Compress: "none", Bytes: int64(len(image)),
		Modules: []string{"crc32c_hw", "ext4", "jbd2", "odd_one"},
		Missing: slices.DeleteFunc(wanted(), func(n string) bool { return n == "ext4" || n == "virtio_blk" }),
	}
	if diff := cmp.Diff(want, report); diff != "" {
		t.Error(diff)
	}
}

// Without its code page a mount of the ESP fails, and early boot cannot ask for
// it by modprobe.
func TestVfatBringsItsCharacterSets(t *testing.T) {
	dir := root(t)
	var dep string
	for _, name := range []string{"vfat", "fat", "nls_cp437", "nls_ascii", "nls_koi8_r"} {
		write(t, dir, modulesDir+"kernel/"+name+".ko", module(name))
		dep += "kernel/" + name + ".ko:"
		if name == "vfat" {
			dep += " kernel/fat.ko"
		}
		dep += "\n"
	}
	write(t, dir, modulesDir+"modules.dep", dep)
	image, report := build(t, Config{Root: dir, Compress: "none"})
	want := []string{"fat", "nls_ascii", "nls_cp437", "vfat"}
	if diff := cmp.Diff(want, report.Modules); diff != "" {
		t.Error(diff)
	}
	if !bytes.Contains(image, []byte("softdep vfat pre: nls_cp437 nls_ascii")) {
		t.Error("the image's index does not tell the loader")
	}
}

// PID 1 opens the same folder with the same package.
func TestImageIndexSatisfiesLoader(t *testing.T) {
	image, _ := build(t, Config{Root: root(t), Compress: "none"})
	dir := t.TempDir()
	for name, r := range records(t, image) {
		if base, ok := strings.CutPrefix(name, modulesDir); ok && strings.HasPrefix(base, "modules.") {
			data, _ := io.ReadAll(io.NewSectionReader(r, 0, int64(r.FileSize)))
			write(t, dir, base, string(data))
		}
	}
	l, err := kmod.NewLoader(dir, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	l.Insert = func(path, _ string) error {
		got = append(got, strings.TrimPrefix(path, dir+"/"))
		return nil
	}
	if err := errors.Join(l.Load("ext4"), l.Load("virtio_blk")); err != nil {
		t.Fatal(err)
	}
	want := []string{"kernel/fs/jbd2.ko", "kernel/crc32c-hw.ko", "kernel/fs/ext4.ko"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestMetadata(t *testing.T) {
	const when = 1700000000
	image, _ := build(t, Config{Root: root(t), Compress: "none", Time: when})
	entries, err := List(bytes.NewReader(image))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{".": true}
	inodes := map[uint64]bool{}
	all := records(t, image)
	for _, e := range entries {
		r := all[e.Name]
		links := uint64(1)
		if e.Mode&modeDir == modeDir {
			links = 2
		}
		if r.NLink != links || r.UID != 0 || r.GID != 0 || r.MTime != when || inodes[r.Ino] || r.Ino == 0 {
			t.Errorf("%v: want %d links, root's, time %d, an inode of its own", r.Info, links, when)
		}
		inodes[r.Ino] = true
		if !seen[path.Dir(e.Name)] {
			t.Errorf("%s comes before its folder", e.Name)
		}
		seen[e.Name] = true
	}
	modes := map[string]uint64{
		"init": 0o100755, "dev/console": 0o020600, "dev/null": 0o020666, "tmp": 0o041777, "sysroot": 0o040755,
		"proc": 0o040755, "sys": 0o040755, "run": 0o040755, "lib": 0o120777, "usr/lib": 0o040755,
		modulesDir + "kernel/fs/ext4.ko": 0o100644,
	}
	for name, mode := range modes {
		if got := all[name].Mode; got != mode {
			t.Errorf("%s: got mode %o, want %o", name, got, mode)
		}
	}
	if c := all["dev/console"]; c.Rmajor != 5 || c.Rminor != 1 {
		t.Errorf("got console %d:%d, want 5:1", c.Rmajor, c.Rminor)
	}
}

// Two folders, other times, other numbers of processors: the same bytes.
func TestTwoBuildsAreEqual(t *testing.T) {
	// Enough text for many blocks, or there is nothing to race for.
	var big strings.Builder
	for i := range 40000 {
		fmt.Fprintf(&big, "%d ", i*i)
	}
	for _, kind := range []string{"none", "zstd", "xz"} {
		var images [][]byte
		for i, procs := range []int{1, 8, 8} {
			dir := root(t)
			name := write(t, dir, modulesDir+"kernel/fs/ext4.ko", module("ext4")+big.String())
			if err := os.Chtimes(name, time.Time{}, time.Unix(int64(i)*1e8, 0)); err != nil {
				t.Fatal(err)
			}
			before := runtime.GOMAXPROCS(procs)
			image, _ := build(t, Config{Root: dir, Compress: kind})
			runtime.GOMAXPROCS(before)
			images = append(images, image)
		}
		if !bytes.Equal(images[0], images[1]) || !bytes.Equal(images[0], images[2]) {
			t.Errorf("%s: three builds differ", kind)
		}
	}
}

func TestBuildFileIsAllOrNothing(t *testing.T) {
	dir, out := root(t), filepath.Join(t.TempDir(), "initrd")
	for range 2 {
		report, err := BuildFile(out, Config{Root: dir})
		info, statErr := os.Stat(out)
		if err != nil || statErr != nil || info.Size() != report.Bytes || info.Mode() != 0o644 {
			t.Fatalf("got %v, %v, %v, want %d bytes", info, err, statErr, report.Bytes)
		}
	}
	want, _ := os.ReadFile(out)
	// Found while writing: the plan does not look into modules.
	write(t, dir, modulesDir+"kernel/fs/jbd2.ko.gz", "\x1f\x8bbroken")
	if _, err := BuildFile(out, Config{Root: dir}); err == nil || !strings.Contains(err.Error(), "jbd2.ko.gz") {
		t.Errorf("got %v, want the broken module named", err)
	}
	if _, err := BuildFile(filepath.Join(out, "x"), Config{Root: dir}); err == nil {
		t.Error("a file below a file: got no error")
	}
	got, _ := os.ReadFile(out)
	names, _ := os.ReadDir(filepath.Dir(out))
	if !bytes.Equal(got, want) || len(names) != 1 {
		t.Errorf("the old image changed or something stayed: %v", names)
	}
}

func TestBuildRefuses(t *testing.T) {
	for _, c := range []struct {
		about, want, hint string
		change            func(dir string, cfg *Config)
	}{
		{"other kernel", "kernel 9.9 has no modules in", "there are: 6.1.0", func(_ string, c *Config) { c.Kernel = "9.9" }},
		{"path as kernel", "kernel ../modules/6.1.0 has", "there are: 6.1.0", func(_ string, c *Config) { c.Kernel = "../modules/6.1.0" }},
		{"no kernel", "no kernel has modules in", "install a kernel first", func(_ string, c *Config) { c.Root += "/usr/lib/moss" }},
		{"module asked for", "nosuch: no such module", "", func(_ string, c *Config) { c.Modules = []string{"ext4", "nosuch"} }},
		{"compression", `compression "lz4" is not known`, "use zstd, xz, gzip or none", func(_ string, c *Config) { c.Compress = "lz4" }},
		{"time", "time -1 does not fit", "", func(_ string, c *Config) { c.Time = -1 }},
		{"time", "time 4294967296 does not fit", "", func(_ string, c *Config) { c.Time = 1 << 32 }},
		{"no init", "no such file", "", func(_ string, c *Config) { c.Init = "/nowhere/init" }},
		{"script as init", "not a program", "", func(d string, c *Config) { c.Init = write(t, d, "init", "#!/bin/sh\n") }},
		{"dynamic init", "linked dynamically", "", func(d string, c *Config) { c.Init = write(t, d, "init", string(program(3))) }},
		{"not a module", "ext4.ko: not an ELF file", "", func(d string, c *Config) { write(t, d, modulesDir+"kernel/fs/ext4.ko", "text") }},
		{"broken index", "modules.dep:1", "", func(d string, c *Config) { write(t, d, modulesDir+"modules.dep", "nonsense") }},
		{"lost dependency", "ext4 -> lost: no such module", "", func(d string, c *Config) {
			write(t, d, modulesDir+"modules.dep", "kernel/fs/ext4.ko: kernel/lost.ko")
		}},
		{"no index", "have no modules.dep", "/usr 6.1.0", func(d string, c *Config) { os.Remove(filepath.Join(d, modulesDir, "modules.dep")) }},
	} {
		cfg := Config{Root: root(t)}
		c.change(cfg.Root, &cfg)
		_, err := Build(io.Discard, cfg)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.about, err, c.want)
			continue
		}
		var hint interface{ Hint() string }
		if c.hint != "" && (!errors.As(err, &hint) || !strings.Contains(hint.Hint(), c.hint)) {
			t.Errorf("%s: got no hint %q", c.about, c.hint)
		}
	}
	_, err := Build(io.Discard, Config{Root: root(t), Init: "/nowhere"})
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want ErrNotExist", err)
	}
}
