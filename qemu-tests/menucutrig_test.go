package qemutests

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"moss/qemu-tests/disk"
	"moss/qemu-tests/probe"
	"moss/qemu-tests/vm"
	"moss/qemu-tests/world"
)

// menuRig is a machine with three disks' worth of things: the lab's system, the
// partition with the menu, and one with what makes menus. It is booted once; each
// cut goes on from a snapshot, taken at the moment before the first write.
type menuRig struct {
	t     *testing.T
	many  *disk.Many
	disks []vm.Disk
	words string
}

// Partitions of the second disk.
const (
	menuPart = iota
	toolPart
)

const inGuest = "/mnt/tools"

// newMenuRig makes the disks; what is given is on the partition from the start.
func newMenuRig(t *testing.T, given map[string][]byte) *menuRig {
	t.Helper()
	c := newCuts(t)
	r := &menuRig{t: t}
	dir := t.TempDir()
	esp, tools := filepath.Join(dir, "esp"), filepath.Join(dir, "tools")
	if err := errors.Join(os.Mkdir(esp, 0o700), probe.WriteTree(esp, given)); err != nil {
		t.Fatal(err)
	}
	makeTools(t, tools)
	var err error
	r.many, err = disk.BuildMany(t.Context(), filepath.Join(dir, "menu.raw"), []disk.Volume{{Size: 64 << 20, Tree: esp}, {Size: 128 << 20, Tree: tools}})
	if err != nil {
		t.Fatal(err)
	}
	overlay := filepath.Join(dir, "menu.qcow2")
	if err := r.many.Overlay(t.Context(), overlay); err != nil {
		t.Fatal(err)
	}
	r.disks = []vm.Disk{{Path: c.disk}, {Path: overlay}}
	return r
}

// makeTools fills the second partition: the program, kernels that only the loader
// starts, and real ones, alike but for a few bytes that nobody reads.
func makeTools(t *testing.T, dir string) {
	t.Helper()
	w, err := world.New(os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	kernel, initrd := readFile(t, shared.kernel.Image), readFile(t, shared.initrds[plainImage])
	program := filepath.Join(t.TempDir(), "probemenu")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, "./qemu-tests/probemenu")
	build.Dir, build.Env = w.Repo, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build probemenu: %v: %s", err, out)
	}
	files := map[string][]byte{"probemenu": readFile(t, program)}
	noise := rand.NewChaCha8([32]byte{1})
	for kind := range 4 {
		image, rest := make([]byte, 256<<10), make([]byte, 100<<10)
		_, _ = noise.Read(image)
		_, _ = noise.Read(rest)
		files[fmt.Sprintf("noise/linux%d", kind)] = probe.Image(image)
		files[fmt.Sprintf("noise/initrd%d", kind)] = rest
		files[fmt.Sprintf("real/linux%d", kind)] = fmt.Appendf(append([]byte{}, kernel...), "kind %d", kind)
		files[fmt.Sprintf("real/initrd%d", kind)] = initrd
	}
	if err := probe.WriteTree(dir, files); err != nil {
		t.Fatal(err)
	}
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// prepare boots the machine, makes menu 0 and takes the snapshot.
func (r *menuRig) prepare(kernels, words string) {
	r.t.Helper()
	r.words = words
	m := bootLab(r.t, "moss.fstx=1", vm.Config{Disks: r.disks, WriteCache: true})
	m.must("flakey mount vfat /dev/vdb1 /efi && flakey mount vfat /dev/vdb2 " + inGuest)
	m.must("echo | " + r.command(kernels, 0) + " && sync")
	if err := m.vm.Save("ready"); err != nil {
		r.t.Fatal(err)
	}
	r.end(m)
}

func (r *menuRig) command(kernels string, number int) string {
	return fmt.Sprintf("%s/probemenu /efi %[1]s/%s %d '%s'", inGuest, kernels, number, r.words)
}

func (r *menuRig) config() vm.Config {
	return vm.Config{Name: strings.ReplaceAll(r.t.Name(), "/", "-"), LogDir: shared.dir, Accel: shared.accel, Memory: 512,
		Kernel: shared.kernel.Plain, Initrd: shared.initrds[plainImage], Append: "x", Disks: r.disks, WriteCache: true}
}

func (r *menuRig) start(config vm.Config) *machine {
	r.t.Helper()
	started, err := vm.Start(r.t.Context(), config)
	if err != nil {
		r.t.Fatal(err)
	}
	return &machine{r.t, started, config.Disks[0].Path}
}

// end cuts the power.
func (r *menuRig) end(m *machine) {
	r.t.Helper()
	if err := m.vm.Close(); err != nil {
		r.t.Fatal(err)
	}
}

func (r *menuRig) resume(name string) *machine {
	r.t.Helper()
	config := r.config()
	config.Resume = name
	return r.start(config)
}

func planned(number int) string { return fmt.Sprintf("planned-%d", number) }

// plan takes a snapshot of the moment before the first write of a change.
func (r *menuRig) plan(kernels string, number int) {
	r.t.Helper()
	m := r.resume("ready")
	if err := m.vm.Line(r.command(kernels, number)); err != nil {
		r.t.Fatal(err)
	}
	m.expect("menu: plan of ")
	if err := m.vm.Save(planned(number)); err != nil {
		r.t.Fatal(err)
	}
	r.end(m)
}

// begin goes on from there.
func (r *menuRig) begin(number int) *machine {
	r.t.Helper()
	m := r.resume(planned(number))
	if err := m.vm.Line(""); err != nil {
		r.t.Fatal(err)
	}
	return m
}

// menuRun is a change that nothing cut short.
type menuRun struct {
	took time.Duration
	hash string
}

func (r *menuRig) whole(kernels string, number int) menuRun {
	r.t.Helper()
	r.plan(kernels, number)
	m := r.begin(number)
	begun := time.Now()
	m.expect("menu: done")
	took := time.Since(begun)
	run := menuRun{took, menuHash(m)}
	r.end(m)
	r.t.Logf("menu %d with kernels %s takes %v", number, kernels, took.Round(time.Millisecond))
	return run
}

func menuHash(m *machine) string {
	m.t.Helper()
	groups, err := m.vm.ExpectMatch(regexp.MustCompile(`menu: ([0-9a-f]{64})`), labLimit)
	if err != nil {
		m.t.Fatal(err)
	}
	return groups[1]
}
