package vm_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"moss/internal/testutil"
	"moss/internal/testutil/need"
	"moss/qemu-tests/debian"
	"moss/qemu-tests/vm"
)

// limit is for a host that is busy with other machines.
const limit = 5 * time.Minute

// kernel is Debian's, from the folder that the demo fills too.
func kernel(t *testing.T) string {
	t.Helper()
	debs, err := debian.Fetch(t.Context(), filepath.Join(testutil.Repo(t), "build", "debian"), debian.Kernel())
	if errors.Is(err, debian.ErrNoSource) || errors.Is(err, exec.ErrNotFound) {
		need.Machine(t, "Debian's kernel cannot be had on this machine: %v", err)
	}
	must(t, err)
	version, err := debian.KernelVersion(debs)
	must(t, err)
	for _, deb := range debs {
		if deb.Name == "linux-image-"+version {
			image, err := deb.ReadFile(t.Context(), "boot/vmlinuz-"+version)
			must(t, err)
			return write(t, "vmlinuz", image)
		}
	}
	t.Fatal("no kernel among ", debs)
	return ""
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	must(t, os.WriteFile(path, data, 0o600))
	return path
}

// initrd is an archive of one file, testdata/init.
func initrd(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "init")
	build := exec.Command("go", "build", "-o", program, "./testdata/init")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build init: %v: %s", err, out)
	}
	data, err := os.ReadFile(program)
	must(t, err)
	var archive bytes.Buffer
	record(&archive, "dev", 0o040755, 0, nil)
	record(&archive, "dev/console", 0o020600, 5<<8|1, nil)
	record(&archive, "init", 0o100755, 0, data)
	record(&archive, "TRAILER!!!", 0, 0, nil)
	return write(t, "initrd", archive.Bytes())
}

// record adds one file in the kernel's format "newc" (Documentation/driver-api/
// early-userspace/buffer-format.rst); device is major<<8|minor.
func record(b *bytes.Buffer, name string, mode, device int, data []byte) {
	b.WriteString("070701")
	for _, field := range []int{0, mode, 0, 0, 1, 0, len(data), 0, 0, device >> 8, device & 0xff, len(name) + 1, 0} {
		fmt.Fprintf(b, "%08x", field)
	}
	b.WriteString(name + "\x00")
	for b.Len()%4 != 0 {
		b.WriteByte(0)
	}
	b.Write(data)
	for b.Len()%4 != 0 {
		b.WriteByte(0)
	}
}

func TestLinuxGuest(t *testing.T) {
	if testing.Short() {
		t.Skip("boots a machine: left out by -short")
	}
	if _, err := exec.LookPath("qemu-system-x86_64"); err != nil {
		need.Machine(t, "%v", vm.ErrNoQEMU)
	}
	m, err := vm.Start(t.Context(), vm.Config{
		Name: "linux", LogDir: t.TempDir(), Memory: 256, Kernel: kernel(t), Initrd: initrd(t),
		Append: strings.Join(debian.CommandLine(), " ") + " panic=1",
	})
	must(t, err)
	defer m.Close()

	must(t, m.Expect("ready> ", limit))
	must(t, m.Line("hello"))
	must(t, m.Expect("heard hello", limit))

	must(t, m.Line("die"))
	var panicked *vm.PanicError
	if err := m.WaitPowerOff(limit); !errors.As(err, &panicked) || !strings.Contains(panicked.Reason, "kill init") {
		t.Errorf("got %v, want the panic and its reason", err)
	}
	must(t, m.WaitReboot(limit))
	must(t, m.Expect("ready> ", limit))
	must(t, m.Line("poweroff"))
	must(t, m.WaitPowerOff(limit))
	t.Logf("two boots in %.1f s", m.Elapsed().Seconds())
}
