package qemutests

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"moss/qemu-tests/debian"
	"moss/qemu-tests/disk"
	"moss/qemu-tests/vm"
	"moss/qemu-tests/world"
)

// Time limits under software emulation on a busy machine.
const (
	bootLimit    = 4 * time.Minute
	commandLimit = time.Minute
)

// stage is what all tests share: made once by TestMain, never changed after.
type stage struct {
	dir     string
	kernel  world.Kernel
	initrds map[image]string
	base    *disk.Disk
	accel   string
	turns   turns

	mounting sync.Mutex // held while a test mounts disks on this machine
}

type image string

const (
	plainImage image = "moss-init"
	faultImage image = "moss-init-fault" // stops at MOSS_FAULT
)

// shared is set before the first test runs.
var shared stage

func TestMain(m *testing.M) {
	code, err := setUp(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "set up the boot tests:", err)
		code = 1
	}
	os.Exit(code)
}

func setUp(m *testing.M) (int, error) {
	if _, err := exec.LookPath("qemu-system-x86_64"); err != nil {
		return 1, errors.New("qemu-system-x86_64 is not there; run: make tools")
	}
	ctx := context.Background()
	w, err := world.New(os.Stderr)
	if err != nil {
		return 1, err
	}
	dir, err := os.MkdirTemp(w.Build, "tests-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	shared = stage{dir: dir, initrds: map[image]string{}, accel: vm.Accel(ctx)}
	if err := prepare(ctx, w, dir); err != nil {
		return 1, err
	}
	if err := shared.turns.open(); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

// prepare makes what all tests share, on both processors once all is fetched: apt
// works for one at a time.
func prepare(ctx context.Context, w *world.World, dir string) error {
	for _, set := range []debian.Set{debian.Kernel(), debian.Mini(), debian.System()} {
		if _, err := w.Debs(ctx, set); err != nil {
			return err
		}
	}
	built := make(chan error)
	go func() { built <- images(ctx, w) }()
	var err error
	if shared.base, err = w.Mini(ctx, dir); err == nil {
		// The demo is a process of its own, which needs these as well: one of the two
		// makes them.
		_, err = w.Pack(ctx, debian.System())
	}
	return errors.Join(err, <-built)
}

// images builds the early-boot image twice: as it ships, and with fault points.
func images(ctx context.Context, w *world.World) error {
	faulty := filepath.Join(w.Build, "bin", string(faultImage))
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-gcflags=all=-l", "-ldflags", "-s -w", "-tags", "faultinject", "-o", faulty, "./cmd/moss-init")
	build.Dir, build.Env = w.Repo, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build moss-init with fault points: %w: %s", err, out)
	}
	for _, kind := range []image{plainImage, faultImage} {
		k, err := w.Kernel(ctx, filepath.Join(w.Build, "bin", string(kind)))
		if err != nil {
			return err
		}
		shared.kernel, shared.initrds[kind] = k, k.Initrd
	}
	return nil
}

// machine is a booted guest of a test.
type machine struct {
	t    testing.TB
	vm   *vm.Machine
	disk string
}

// newDisk is a private copy of the shared disk.
func newDisk(t *testing.T) string {
	t.Helper()
	return newDiskFor(t)
}

func newDiskFor(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk.raw")
	if err := disk.Copy(t.Context(), shared.base.Path, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// edit changes the root of a disk that no machine runs on, by debugfs(8).
func edit(t *testing.T, path string, commands ...string) {
	t.Helper()
	d, err := disk.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.EditRoot(t.Context(), commands...); err != nil {
		t.Fatal(err)
	}
}

func start(t testing.TB, disk, words string, kind image) *machine {
	t.Helper()
	return startImage(t, disk, words, shared.initrds[kind])
}

func startImage(t testing.TB, disk, words, initrd string) *machine {
	t.Helper()
	config := vm.Config{Name: machineName(t), LogDir: shared.dir, Accel: shared.accel, Memory: 512, Disks: []vm.Disk{{Path: disk}},
		Kernel: shared.kernel.Plain, Initrd: initrd,
		Append: strings.Join(debian.CommandLine(), " ") + " rw root=PARTUUID=" + world.RootGUID + " " + words}
	started, err := vm.Start(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := started.Close(); err != nil {
			t.Error(err)
		}
	})
	return &machine{t, started, disk}
}

func machineName(t testing.TB) string {
	return strings.NewReplacer("/", "-", " ", "-").Replace(t.Name())
}

// boot starts a machine and waits for the shell of its mini system.
func boot(t testing.TB, disk, words string) *machine {
	t.Helper()
	m := start(t, disk, words, plainImage)
	m.expect("is up")
	m.expect("# ")
	return m
}

// cut boots with a fault point that stops the guest, then kills the machine.
func cut(t *testing.T, disk, words, point string) {
	t.Helper()
	m := start(t, disk, words+" MOSS_FAULT="+point+":hang", faultImage)
	m.expect("fault: hang at " + point)
	if err := m.vm.Kill(); err != nil {
		t.Fatal(err)
	}
}

func (m *machine) expect(text string) {
	m.t.Helper()
	if err := m.vm.Expect(text, bootLimit); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) run(command string) string {
	m.t.Helper()
	out, _, err := m.vm.Run(command, commandLimit)
	if err != nil {
		m.t.Fatal(err)
	}
	return strings.TrimSpace(strings.ReplaceAll(out, "\r", ""))
}

func (m *machine) is(what, command, want string) {
	m.t.Helper()
	if got := m.run(command); strings.Join(strings.Fields(got), "\n") != strings.Join(strings.Fields(want), "\n") {
		m.t.Errorf("%s: %s: got %q, want %q", what, command, got, want)
	}
}

func (m *machine) contains(what, command, want string) {
	m.t.Helper()
	if got := m.run(command); !strings.Contains(got, want) {
		m.t.Errorf("%s: %s: got %q, want it to hold %q", what, command, got, want)
	}
}

// report is /run/moss/boot.json as far as the tests compare it.
type report struct {
	Wanted, Activated int
	Fallback          bool
}

func (m *machine) report(want report) {
	m.t.Helper()
	var got report
	text := m.run("cat /run/moss/boot.json")
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		m.t.Fatalf("boot.json: %v: %s", err, text)
	}
	if got != want {
		m.t.Errorf("boot.json: got %+v, want %+v:\n%s", got, want, text)
	}
}

// powerOff ends the machine as a person would who has saved everything: the disk
// is written out and unmounted, then the machine goes off.
func (m *machine) powerOff() {
	m.t.Helper()
	if err := m.vm.Line("sync; echo u > /proc/sysrq-trigger; echo o > /proc/sysrq-trigger"); err != nil {
		m.t.Fatal(err)
	}
	if err := m.vm.WaitPowerOff(bootLimit); err != nil {
		m.t.Fatal(err)
	}
}
