package qemutests

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"moss/qemu-tests/disk"
	"moss/qemu-tests/vm"
	"moss/qemu-tests/world"
)

// baseChain is what the machines of these tests begin as: made once, only copied
// after that.
var baseChain = sync.OnceValues(func() (*world.Chain, error) {
	w, err := world.New(os.Stderr)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(shared.dir, "base")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	return w.NewChain(context.Background(), dir, shared.kernel)
})

// chain is a machine that firmware and loader start, and what it starts from.
type chain struct {
	*world.Chain
	t        *testing.T
	dir      string
	disk     *disk.Disk // nil until it is started for the first time
	firmware vm.Firmware
	secure   bool
}

// newChain has state 1. Its loader shows no menu.
func newChain(t *testing.T) *chain {
	t.Helper()
	base, err := baseChain()
	if err != nil {
		t.Fatal(err)
	}
	c := &chain{t: t, dir: t.TempDir()}
	if c.Chain, err = base.Copy(t.Context(), c.dir); err != nil {
		t.Fatal(err)
	}
	if c.firmware, err = vm.FindFirmware(); err != nil {
		t.Fatal(err)
	}
	c.timeout(0)
	return c
}

// timeout is for how many seconds the loader shows its menu.
func (c *chain) timeout(seconds int) {
	c.t.Helper()
	const name = "efi/loader/loader.conf"
	text, err := os.ReadFile(filepath.Join(c.Dir, name))
	if err != nil {
		c.t.Fatal(err)
	}
	c.write(name, regexp.MustCompile(`(?m)^timeout .*$`).ReplaceAllString(string(text), fmt.Sprintf("timeout %d", seconds)))
}

func (c *chain) write(name, text string) {
	c.t.Helper()
	if err := c.Write(name, text); err != nil {
		c.t.Fatal(err)
	}
}

// state adds one, with files in its mark.
func (c *chain) state(files map[string][]byte, words ...string) {
	c.t.Helper()
	if err := c.State(c.t.Context(), files, words...); err != nil {
		c.t.Fatal(err)
	}
}

// blessed is what a state has that blesses its boots: its entry is counted.
func blessed() map[string][]byte {
	return map[string][]byte{"usr/lib/systemd/system/moss-bless.service": []byte("[Service]\nExecStart=moss-boot bless good\n")}
}

// start is the power button. The firmware's variables live from one start to the
// next.
func (c *chain) start(more ...func(*vm.Config)) *machine {
	c.t.Helper()
	if c.disk == nil {
		made, err := c.Disk(c.t.Context(), filepath.Join(c.dir, "chain.raw"), 512<<20)
		if err != nil {
			c.t.Fatal(err)
		}
		c.disk = made
	}
	config := vm.Config{Name: c.t.Name(), LogDir: shared.dir, Accel: shared.accel, Memory: 512,
		Disks: []vm.Disk{{Path: c.disk.Path}}, Firmware: c.firmware, Vars: filepath.Join(c.dir, "vars.fd"), Secure: c.secure}
	for _, change := range more {
		change(&config)
	}
	started, err := vm.Start(c.t.Context(), config)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		if err := started.Close(); err != nil {
			c.t.Error(err)
		}
	})
	return &machine{c.t, started, c.disk.Path}
}

// direct has the firmware start the kernel that QEMU hands it: a machine without
// a loader.
func (c *chain) direct(config *vm.Config) {
	config.Kernel, config.Initrd = c.Kernel.Image, c.Kernel.Initrd
	config.Append = "console=ttyS0 quiet rw root=PARTUUID=" + world.RootGUID + " moss.fstx=1"
}

// up waits for the shell of a state, and gives it moss' programs and the
// firmware's variables. The ESP stays unmounted.
func (m *machine) up(state int) {
	m.t.Helper()
	m.expect(fmt.Sprintf("state %d is up", state))
	m.expect("# ")
	m.must("export PATH=$PATH:" + world.LabDir + "; cd " + world.LabDir + "; flakey insmod modules/*nls_*.ko modules/*fat.ko modules/*efivarfs.ko; flakey mount efivarfs efivarfs " + variables)
}

const variables = "/sys/firmware/efi/efivars"

// reboot is a restart that loses nothing.
func (m *machine) reboot() {
	m.t.Helper()
	if err := m.vm.Line("sync; echo b > /proc/sysrq-trigger"); err != nil {
		m.t.Fatal(err)
	}
	if err := m.vm.WaitReboot(bootLimit); err != nil {
		m.t.Fatal(err)
	}
}

// ask runs a command with --json and reads what it answers.
func (m *machine) ask(command string, into any) {
	m.t.Helper()
	text := m.must("{ " + command + " --json 2>/tmp/said || { cat /tmp/said; false; }; }")
	if err := json.Unmarshal([]byte(text), into); err != nil {
		m.t.Fatalf("%s: %v: %s", command, err, text)
	}
}

// menu is what moss-boot list tells of the menu.
type menu struct {
	Default, Booted int
	OneShot         *int
	Entries         []menuEntry
}

type menuEntry struct {
	State     int
	File      string
	SortKey   string `json:"sort_key"`
	TriesLeft *int   `json:"tries_left"`
	TriesDone *int   `json:"tries_done"`
	Bad       bool
	Booted    bool
	Default   bool
	Foreign   bool
}

func (m *machine) menu() menu {
	m.t.Helper()
	var all menu
	m.ask("moss-boot list", &all)
	return all
}

// states are those of the entries, in the loader's order.
func (all menu) states() []int {
	var ids []int
	for _, e := range all.Entries {
		ids = append(ids, e.State)
	}
	return ids
}

func (all menu) of(t testing.TB, state int) menuEntry {
	t.Helper()
	i := slices.IndexFunc(all.Entries, func(e menuEntry) bool { return e.State == state })
	if i < 0 {
		t.Fatalf("state %d is not in the menu: %+v", state, all)
	}
	return all.Entries[i]
}

// chosen checks what the menu says of the next boots; 0 is no one-shot.
func (m *machine) chosen(what string, byDefault, once int) {
	m.t.Helper()
	all := m.menu()
	oneShot := 0
	if all.OneShot != nil {
		oneShot = *all.OneShot
	}
	if all.Default != byDefault || oneShot != once {
		m.t.Errorf("%s: got default %d and one-shot %d, want %d and %d", what, all.Default, oneShot, byDefault, once)
	}
}

// noMounts: what was mounted for a command is unmounted after it, and the folder
// for it is gone.
func (m *machine) noMounts() {
	m.t.Helper()
	if got := m.must("cat /proc/mounts"); strings.Contains(got, "vfat") {
		m.t.Errorf("something stays mounted:\n%s", got)
	}
	m.is("what is left of it", "ls -A /run/moss", "boot.json")
}

// refused runs a command that has to be refused, and returns what it says.
func (m *machine) refused(command string) string {
	m.t.Helper()
	out, status := m.try(command + " 2>&1")
	if status != 3 {
		m.t.Errorf("%s: got exit code %d, want 3:\n%s", command, status, out)
	}
	return out
}

// view looks at the disk while the machine is off.
func (c *chain) view() *disk.View {
	c.t.Helper()
	v, err := c.disk.View(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		if err := v.Close(); err != nil {
			c.t.Error(err)
		}
	})
	return v
}

// entries are the names in the menu's folder.
func entries(t *testing.T, files disk.Files) []string {
	t.Helper()
	names, err := files.List(t.Context(), "/loader/entries")
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(names, func(name string) bool { return !strings.HasSuffix(name, ".conf") })
}

// entry is the name of a state's entry, without counter and suffix.
func (c *chain) entry(state int) string {
	c.t.Helper()
	name, err := c.Entry(state)
	if err != nil {
		c.t.Fatal(err)
	}
	return name
}
