package qemutests

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"moss/qemu-tests/disk"
	"moss/qemu-tests/vm"
	"moss/qemu-tests/world"
)

// TestPowerCutInTransaction cuts the power of a machine that installs a package
// on itself, at random moments spread over the transaction, with a disk that
// loses what was not flushed. Each time the entry that the loader would take
// boots the old or the new state, whole, and the machine goes on from there to
// the next cut.
func TestPowerCutInTransaction(t *testing.T) {
	alongside(t)
	for name, lines := range map[string][]string{
		// The cut comes up to half a second after the line of such a step.
		"one":     {"space", "unpack", "room"},
		"another": {"seal", "menu", "exchange"},
	} {
		t.Run(name, func(t *testing.T) {
			inTurn(t, 4)
			c := newCuts(t)
			for _, line := range lines {
				c.cut(line, rand.N(500*time.Millisecond))
			}
			c.boot()
			c.m.must("moss -y install " + c.next() + " && moss state verify")
		})
	}
}

// TestDiskLosesWhatWasNotFlushed is the premise of the test above: a cut takes
// what lies in the disk's cache, and only that.
func TestDiskLosesWhatWasNotFlushed(t *testing.T) {
	inTurn(t, short)
	c := newCuts(t)
	m := bootLab(t, "moss.fstx=1", vm.Config{Disks: []vm.Disk{{Path: c.disk}}, WriteCache: true})
	// In front of the first partition; past the page cache, so that the disk has both.
	const write = "dd if=flakey of=/dev/vda bs=4096 count=1 oflag=direct conv=notrunc"
	m.must("sync && " + write + ",fsync seek=130 && " + write + " seek=200")
	if err := m.vm.Kill(); err != nil {
		t.Fatal(err)
	}
	for at, want := range map[int]bool{130: true, 200: false} {
		out := filepath.Join(t.TempDir(), "block")
		read := exec.Command("qemu-img", "dd", "-f", "qcow2", "-O", "raw", "bs=4096", fmt.Sprintf("skip=%d", at), fmt.Sprintf("count=%d", at+1), "if="+c.disk, "of="+out)
		if said, err := read.CombinedOutput(); err != nil {
			t.Fatalf("qemu-img: %v: %s", err, said)
		}
		block, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		if got := bytes.HasPrefix(block, []byte("\x7fELF")); got != want {
			t.Errorf("block %d: it is there: %v, want %v", at, got, want)
		}
	}
}

// TestWrittenFileSurvivesOnFAT: what the atomic writer has written is on the disk
// when it says so, under a new name and under an old one. FAT's folder entry
// of a file that was just renamed says that it is empty, until the file itself
// is written out once more.
func TestWrittenFileSurvivesOnFAT(t *testing.T) {
	inTurn(t, short)
	c := newCuts(t)
	m := bootLab(t, "moss.fstx=1", vm.Config{Disks: []vm.Disk{{Path: c.disk}}, WriteCache: true})
	m.must("flakey mount vfat /dev/vda1 /efi && flakey write /efi/moss-old_.conf before && sync")
	m.must("flakey write /efi/moss-new_.conf first && flakey write /efi/moss-old_.conf after")
	if err := m.vm.Kill(); err != nil {
		t.Fatal(err)
	}
	d, err := disk.Open(t.Context(), c.disk)
	if err != nil {
		t.Fatal(err)
	}
	v, err := d.View(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	for name, want := range map[string]string{"/moss-new_.conf": "first", "/moss-old_.conf": "after"} {
		if got, err := v.ESP.ReadFile(t.Context(), name); err != nil || string(got) != want {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, want)
		}
	}
}

// cuts is a machine's life from one cut to the next.
type cuts struct {
	t    *testing.T
	disk string
	m    *machine

	state, note int         // what the loader boots next
	notes       map[int]int // the note of each state that there is
	tried       int
}

func newCuts(t *testing.T) *cuts {
	t.Helper()
	base, err := labDisk()
	if err != nil {
		t.Fatal(err)
	}
	c := &cuts{t: t, disk: filepath.Join(t.TempDir(), "lab.qcow2"), state: 1, notes: map[int]int{1: 0}}
	// Small clusters: what is lost is lost by pages, not by sixteen of them.
	create := exec.Command("qemu-img", "create", "-q", "-f", "qcow2", "-o", "cluster_size=4096", "-F", "raw", "-b", base.Path, c.disk)
	if out, err := create.CombinedOutput(); err != nil {
		t.Fatalf("qemu-img: %v: %s", err, out)
	}
	return c
}

// next is the package of the next transaction, in place of the live one.
func (c *cuts) next() string {
	c.tried++
	words := fmt.Sprintf("%s/note-%d.stone", world.LabDir, c.tried)
	if c.note != 0 {
		words += fmt.Sprintf(" --without note-%d", c.note)
	}
	return words
}

// cut boots, begins a transaction and kills the machine.
func (c *cuts) cut(line string, later time.Duration) {
	c.t.Helper()
	c.boot()
	if err := c.m.vm.Line("moss -v -y --progress none install " + c.next()); err != nil {
		c.t.Fatal(err)
	}
	c.m.expect("step " + line + ":")
	<-time.After(later) // no event marks the moment: it has to be any
	if err := c.m.vm.Kill(); err != nil {
		c.t.Fatal(err)
	}
	steps := regexp.MustCompile(`step (\w+):`).FindAllStringSubmatch(c.m.vm.Text(), -1)
	last := steps[len(steps)-1][1]
	old := c.state
	c.loader()
	if committed := last == "menu" || last == "exchange" || last == "links" || last == "system"; committed && c.state == old {
		c.t.Errorf("cut %v after step %s: the entry of the new state was written, and is not there", later, last)
	}
	c.t.Logf("cut %v after the line of %s, in the step after %s: state %d was live, the loader boots %d", later, line, last, old, c.state)
}

// loader finds the entry that is booted next: that of the newest state.
func (c *cuts) loader() {
	c.t.Helper()
	d, err := disk.Open(c.t.Context(), c.disk)
	if err != nil {
		c.t.Fatal(err)
	}
	v, err := d.View(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	defer v.Close()
	newest, err := newestEntry(c.t.Context(), v.ESP)
	if err != nil {
		c.t.Fatal(err)
	}
	if _, known := c.notes[newest]; !known {
		c.notes[newest] = c.tried
	}
	c.state, c.note = newest, c.notes[newest]
}

func newestEntry(ctx context.Context, esp disk.Files) (int, error) {
	const folder = "/loader/entries/"
	names, err := esp.List(ctx, folder)
	if err != nil {
		return 0, err
	}
	newest := 0
	for _, name := range names {
		if !strings.HasSuffix(name, ".conf") || strings.HasPrefix(name, ".") {
			continue // the loader reads no others
		}
		text, err := esp.ReadFile(ctx, folder+name)
		if err != nil {
			return 0, err
		}
		if len(text) == 0 {
			continue // cut while it was written; the loader makes nothing of it either
		}
		found := regexp.MustCompile(`(?m)^options .*\bmoss\.fstx=(\d+)`).FindSubmatch(text)
		if found == nil {
			return 0, fmt.Errorf("entry %s names no state: %q", name, text)
		}
		id, err := strconv.Atoi(string(found[1]))
		if err != nil {
			return 0, err
		}
		newest = max(newest, id)
	}
	return newest, nil
}

// boot starts the machine with that entry and checks all that is there.
func (c *cuts) boot() {
	c.t.Helper()
	c.m = bootLab(c.t, fmt.Sprintf("moss.fstx=%d", c.state), vm.Config{Disks: []vm.Disk{{Path: c.disk}}, WriteCache: true})
	c.m.report(report{Wanted: c.state, Activated: c.state})
	c.m.is("the live state", "cat /usr/.stateID", strconv.Itoa(c.state))
	lists := "base.list"
	if c.note != 0 {
		lists += fmt.Sprintf(" note-%d.list", c.note)
	}
	if got, want := c.m.must("flakey tree /usr"), c.m.must("flakey tree "+lists); got != want {
		c.t.Errorf("state %d: got the tree %s, want %s", c.state, got, want)
	}
	c.m.must("flakey mount vfat /dev/vda1 /efi && moss-boot sync && moss state verify")
	c.m.is("every folder has its tree's name", "cd /.moss/root; for n in * .[!.]*; do [ ! -e $n ] || [ $n = $(cat $n/usr/.stateID) ] || echo $n; done; cd "+world.LabDir, "")
	c.learn()
	if c.t.Failed() {
		c.t.FailNow()
	}
}

// learn asks for the states: a cut between the seal and the menu leaves one that
// gets its entry now.
func (c *cuts) learn() {
	c.t.Helper()
	var states []struct {
		ID       int
		Packages []string
	}
	text := c.m.must("moss state list --json")
	if err := json.Unmarshal([]byte(text), &states); err != nil {
		c.t.Fatalf("state list: %v: %s", err, text)
	}
	c.notes = map[int]int{}
	for _, s := range states {
		c.notes[s.ID] = 0
		for _, label := range s.Packages {
			if n, ok := strings.CutPrefix(strings.Fields(label)[0], "note-"); ok {
				c.notes[s.ID], _ = strconv.Atoi(n)
			}
		}
	}
}
