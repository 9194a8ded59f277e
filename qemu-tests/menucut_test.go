package qemutests

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"moss/bootloader/bls"
	"moss/qemu-tests/debian"
	"moss/qemu-tests/disk"
	"moss/qemu-tests/probe"
	"moss/qemu-tests/vm"
	"moss/qemu-tests/world"
)

// menuCuts is how many cuts there are; after each of them the loader is asked.
const menuCuts = 30

// cutMenus are the menus that replace menu 0: one to five new states, with and
// without a default and a new kernel.
var cutMenus = [...]int{1, 2, 3, 4, 5, 9}

// TestMenuPowerCuts cuts the power of a machine that changes its menu on a real
// vfat, at random moments spread over the change, with a disk that loses what was
// not flushed. After every one of them the real loader finds an entry of ours
// and starts it, its files have the content that their names say, and the next
// change leaves the very menu that one without a cut leaves.
func TestMenuPowerCuts(t *testing.T) {
	inTurn(t, 5)
	r := newMenuRig(t, nil) // with a loader in the place for it the firmware would start that first
	r.prepare("noise", "quiet")
	clean := map[int]menuRun{}
	for _, number := range cutMenus {
		clean[number] = r.whole("noise", number)
	}
	var cuts []menuCut
	var questions []probe.Question
	for n := range menuCuts {
		number := cutMenus[n%len(cutMenus)]
		c := r.cut(number, clean[number].took)
		cuts, questions = append(cuts, c), append(questions, probe.Question{Image: c.image, Vars: probe.Variables{"LoaderConfigTimeout": probe.Text("0")}})
	}
	answers, err := bench(t).Ask(t.Context(), t.Name()+"-loader", questions)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range cuts {
		if problem := c.judge(t, answers[i]); problem != "" {
			t.Errorf("%s: %s", c, problem)
		}
	}
	for i, got := range r.repair(cuts) {
		if want := clean[cuts[i].number].hash; got != want {
			t.Errorf("%s: the next change leaves %s, want %s", cuts[i], got, want)
		}
	}
}

// TestMenuPowerCutsBoot goes all the way after one cut: firmware, loader, a real
// kernel, early boot, the system.
func TestMenuPowerCutsBoot(t *testing.T) {
	inTurn(t, 3)
	loader, err := loaderProgram()
	if err != nil {
		t.Fatal(err)
	}
	r := newMenuRig(t, map[string][]byte{"EFI/BOOT/BOOTX64.EFI": loader})
	words := strings.Join(debian.CommandLine(), " ") + " rw root=PARTUUID=" + world.RootGUID + " moss.fstx=1"
	r.prepare("real", words)
	clean := r.whole("real", cutMenus[1])
	firmware, err := vm.FindFirmware()
	if err != nil {
		t.Fatal(err)
	}
	c := r.cut(cutMenus[1], clean.took)
	config := r.config()
	config.Name, config.Kernel, config.Initrd, config.Append, config.Firmware = t.Name()+"-boot", "", "", "", firmware
	m := r.start(config)
	m.expect("is up")
	m.expect("# ")
	m.contains(c.String()+": an entry of ours booted", "cat /proc/cmdline", "lab.menu=")
	r.end(m)
}

// menuCut is a partition after a cut.
type menuCut struct {
	number int
	later  time.Duration
	done   bool
	image  string
}

func (c menuCut) String() string {
	return fmt.Sprintf("menu %d, cut after %v (done: %v)", c.number, c.later.Round(time.Millisecond), c.done)
}

func (r *menuRig) cut(number int, took time.Duration) menuCut {
	r.t.Helper()
	c := menuCut{number: number, later: rand.N(took + took/10), image: filepath.Join(r.t.TempDir(), "cut")}
	m := r.begin(number)
	<-time.After(c.later) // no event marks the moment: it has to be any
	if err := m.vm.Kill(); err != nil {
		r.t.Fatal(err)
	}
	c.done = strings.Contains(m.vm.Text(), "menu: done")
	r.end(m)
	if err := r.many.Extract(r.t.Context(), r.disks[1].Path, menuPart, c.image); err != nil {
		r.t.Fatal(err)
	}
	return c
}

// judge says what is wrong with the loader's choice, "" if nothing is.
func (c menuCut) judge(t *testing.T, a probe.Answer) string {
	t.Helper()
	id := a.Vars.Text("LoaderEntrySelected")
	if !strings.HasPrefix(id, "moss-"+menuToken+"-") {
		return fmt.Sprintf("the loader chose %q of %q", id, a.Vars.Strings("LoaderEntries"))
	}
	if !a.Started {
		return fmt.Sprintf("the loader could not start %s", id)
	}
	files := disk.FAT(c.image)
	text, err := files.ReadFile(t.Context(), "/loader/entries/"+id)
	if err != nil {
		t.Fatal(err)
	}
	entry, err := bls.Parse(id, text)
	if err != nil {
		return err.Error()
	}
	for _, name := range entry.Files() {
		data, err := files.ReadFile(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(data)
		if got, want := hex.EncodeToString(sum[:16]), strings.TrimSuffix(path.Base(name), path.Ext(name)); got != want {
			return fmt.Sprintf("%s of %s has the content %s", name, id, got)
		}
	}
	return ""
}

// repair changes the menu of every cut partition once more, in one machine, and
// returns what each has then.
func (r *menuRig) repair(cuts []menuCut) []string {
	r.t.Helper()
	var volumes []disk.Volume
	for _, c := range cuts {
		volumes = append(volumes, disk.Volume{Size: 64 << 20, Tree: c.image})
	}
	all, err := disk.BuildMany(r.t.Context(), filepath.Join(r.t.TempDir(), "cuts.raw"), volumes)
	if err != nil {
		r.t.Fatal(err)
	}
	m := bootLab(r.t, "moss.fstx=1", vm.Config{Disks: []vm.Disk{r.disks[0], {Path: all.Path}, r.disks[1]}})
	m.must("flakey mount vfat /dev/vdc2 " + inGuest)
	var hashes []string
	for i, c := range cuts {
		out := m.must(fmt.Sprintf("flakey mount vfat /dev/vdb%d /efi && echo | %s && flakey unmount /efi", i+1, r.command("noise", c.number)))
		hash := regexp.MustCompile(`menu: ([0-9a-f]{64})`).FindStringSubmatch(out)
		if hash == nil {
			r.t.Fatalf("%s: the next change says %q", c, out)
		}
		hashes = append(hashes, hash[1])
	}
	return hashes
}
