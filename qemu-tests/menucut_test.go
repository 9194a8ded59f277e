package qemutests

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"moss/bootloader/bls"
	"moss/internal/testutil/need"
	"moss/qemu-tests/debian"
	"moss/qemu-tests/disk"
	"moss/qemu-tests/probe"
	"moss/qemu-tests/vm"
	"moss/qemu-tests/world"
)

// menuCuts is how many cuts there are; after each of them the loader is asked.
const menuCuts = 50

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
	for n := range menuCuts {
		number := cutMenus[n%len(cutMenus)]
		cuts = append(cuts, r.cut(number, clean[number].took))
	}
	cuts = append(cuts, r.shared(cutMenus[0]))
	var questions []probe.Question
	for _, c := range cuts {
		questions = append(questions, probe.Question{Image: c.image, Vars: probe.Variables{"LoaderConfigTimeout": probe.Text("0")}})
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
	shared bool // made so: two names share their clusters
	image  string
}

func (c menuCut) String() string {
	return fmt.Sprintf("menu %d, cut after %v (done: %v)", c.number, c.later.Round(time.Millisecond), c.done)
}

func (r *menuRig) cut(number int, took time.Duration) menuCut {
	r.t.Helper()
	later := rand.N(took + took/10)
	c := r.stopped(number, func(*machine) { <-time.After(later) }) // no event marks the moment: it has to be any
	c.later = later
	return c
}

// stopped cuts the power of a change when the wait is over.
func (r *menuRig) stopped(number int, wait func(*machine)) menuCut {
	r.t.Helper()
	c := menuCut{number: number, image: filepath.Join(r.t.TempDir(), "cut")}
	m := r.begin(number)
	wait(m)
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
// returns what each has then. Where two names share their clusters, it goes on as the
// warning says.
func (r *menuRig) repair(cuts []menuCut) []string {
	r.t.Helper()
	hashes, warned := r.change(cuts)
	for i, c := range cuts {
		if c.shared && !slices.Contains(warned, i) {
			r.t.Errorf("%s: nothing was said of the shared clusters", c)
		}
	}
	var checked []menuCut
	for _, i := range warned {
		r.t.Logf("%s: a temporary file shares its clusters", cuts[i])
		// Exit code 1: there was something to mend (fsck.fat(8)).
		out, err := exec.Command(need.Program(r.t, "fsck.fat"), "-a", cuts[i].image).CombinedOutput()
		if exit := (*exec.ExitError)(nil); err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
			r.t.Fatalf("%s: fsck.fat: %v: %s", cuts[i], err, out)
		}
		checked = append(checked, cuts[i])
	}
	mended, still := r.change(checked)
	if len(still) > 0 {
		r.t.Errorf("%s: two names share their clusters after fsck.fat as well", checked[still[0]])
	}
	for n, i := range warned {
		hashes[i] = mended[n]
	}
	return hashes
}

// change returns the hashes of the menus after it, and in which there was a warning of
// shared clusters; the images are what they are then.
func (r *menuRig) change(cuts []menuCut) (hashes []string, warned []int) {
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
	for i, c := range cuts {
		out := m.must(fmt.Sprintf("flakey mount vfat /dev/vdb%d /efi && echo | %s && flakey unmount /efi", i+1, r.command("noise", c.number)))
		hash := regexp.MustCompile(`menu: ([0-9a-f]{64})`).FindStringSubmatch(out)
		if hash == nil {
			r.t.Fatalf("%s: the next change says %q", c, out)
		}
		hashes = append(hashes, hash[1])
		if strings.Contains(out, "since a power cut and stays: unmount the partition and run fsck.fat") {
			warned = append(warned, i)
		}
	}
	r.end(m)
	for _, i := range warned {
		if err := all.Extract(r.t.Context(), all.Path, i, cuts[i].image); err != nil {
			r.t.Fatal(err)
		}
	}
	return hashes, warned
}
