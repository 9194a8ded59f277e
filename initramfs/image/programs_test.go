package image

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"moss/internal/testutil"
	"moss/internal/testutil/need"
)

// run gives a program's output for some input; a program that this machine
// lacks leaves the test out.
func run(t *testing.T, input []byte, name string, args ...string) string {
	t.Helper()
	need.Program(t, name)
	cmd := exec.Command(name, args...)
	cmd.Stdin = bytes.NewReader(input)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v: %s", name, args, err, out)
	}
	return string(out)
}

// The kernel's reader is not here, but GNU cpio is as strict.
func TestGNUCpioReadsTheArchive(t *testing.T) {
	image, _ := build(t, Config{Root: root(t), Compress: "none"})
	names := strings.Split(strings.TrimSpace(run(t, image, "cpio", "-it", "--quiet")), "\n")
	entries, err := List(bytes.NewReader(image))
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, e := range entries {
		want = append(want, e.Name)
	}
	if !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
	long := run(t, image, "cpio", "-itv", "--quiet")
	for _, line := range []string{"crw-------   1 root     root       5,   1", "lib -> usr/lib", "drwxrwxrwt   2 root"} {
		if !strings.Contains(long, line) {
			t.Errorf("got\n%s, want %q", long, line)
		}
	}
}

func TestZstdIsOneFrameTheKernelAccepts(t *testing.T) {
	image, _ := build(t, Config{Root: bigRoot(t), Level: 3})
	var h zstd.Header
	if err := h.Decode(image); err != nil {
		t.Fatal(err)
	}
	if h.WindowSize > 128<<20 || h.WindowSize != window || !h.HasCheckSum {
		t.Errorf("got window %d, checksum %v, want %d with a checksum", h.WindowSize, h.HasCheckSum, window)
	}
	file := write(t, t.TempDir(), "initrd.zst", string(image))
	run(t, nil, "zstd", "-tq", file)
	if out := run(t, nil, "zstd", "-lv", file); !strings.Contains(out, "Frames: 1\n") {
		t.Errorf("got\n%s, want one frame", out)
	}
	image, _ = build(t, Config{Root: root(t), Zstd: need.Program(t, "zstd")})
	file = write(t, t.TempDir(), "initrd.zst", string(image))
	if out := run(t, nil, "zstd", "-lv", file); !strings.Contains(out, "Frames: 1\n") || !strings.Contains(out, "Check: XXH64") {
		t.Errorf("got\n%s, want one frame with a checksum", out)
	}
}

func TestXzIsOneTheKernelAccepts(t *testing.T) {
	image, _ := build(t, Config{Root: root(t), Compress: "xz"})
	file := write(t, t.TempDir(), "initrd.xz", string(image))
	run(t, nil, "xz", "-tq", file)
	out := run(t, nil, "xz", "-lvv", "--robot", file)
	if !strings.Contains(out, "\tCRC32\t") || !strings.Contains(out, "--lzma2=dict=1MiB") {
		t.Errorf("got\n%s, want CRC32 and a dictionary of 1 MiB", out)
	}
}

// bigRoot's ext4 is larger than the window, so that the frame says what it is.
func bigRoot(t *testing.T) string {
	dir := root(t)
	var text strings.Builder
	text.WriteString(module("ext4"))
	for i := 0; text.Len() < window+1; i++ {
		fmt.Fprintf(&text, "%64d", i)
	}
	write(t, dir, modulesDir+"kernel/fs/ext4.ko", text.String())
	return dir
}

// TestRealKernel builds the general image of a real kernel and reads it back
// with every reader there is.
func TestRealKernel(t *testing.T) {
	if testing.Short() {
		t.Skip("packs the modules of a whole kernel")
	}
	from := testutil.KernelModules(t)
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "usr/lib/modules"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(from, filepath.Join(dir, "usr/lib/modules", filepath.Base(from))); err != nil {
		t.Fatal(err)
	}
	cfg := Config{Root: dir, Init: write(t, dir, "init", string(program(0)))}
	image, report := build(t, cfg)
	t.Logf("kernel %s: %d bytes, %d modules, not there: %v", report.Kernel, report.Bytes, len(report.Modules), report.Missing)
	for _, name := range []string{"ext4", "jbd2", "xfs", "btrfs", "f2fs", "vfat", "virtio_blk", "nvme", "ahci", "usb_storage", "efivarfs"} {
		if !slices.Contains(report.Modules, name) && !slices.Contains(report.Missing, name) {
			t.Logf("%s is in the kernel itself", name)
		}
	}
	plain := run(t, image, "zstd", "-dc")
	entries, err := List(bytes.NewReader(image))
	if err != nil {
		t.Fatal(err)
	}
	names := strings.Split(strings.TrimSpace(run(t, []byte(plain), "cpio", "-it", "--quiet")), "\n")
	if len(names) != len(entries) {
		t.Errorf("got %d names from cpio, want %d", len(names), len(entries))
	}
	if again, _ := build(t, cfg); !bytes.Equal(again, image) {
		t.Error("two builds differ")
	}
}

// A compressor that fails must not leave an image that looks whole.
func TestFailingCompressor(t *testing.T) {
	bad := write(t, t.TempDir(), "zstd", "#!/bin/sh\necho out of ideas >&2\nexit 1\n")
	if err := os.Chmod(bad, 0o755); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "initrd")
	_, err := BuildFile(to, Config{Root: root(t), Zstd: bad})
	if err == nil || !strings.Contains(err.Error(), "out of ideas") {
		t.Errorf("got %v, want what the program said", err)
	}
	if _, err := os.Stat(to); !os.IsNotExist(err) {
		t.Errorf("got %v, want no image", err)
	}
}
