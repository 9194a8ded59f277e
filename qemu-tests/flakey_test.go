package qemutests

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"moss/qemu-tests/disk"
	"moss/qemu-tests/vm"
	"moss/qemu-tests/world"

	"moss/internal/testutil/need"
)

// TestFailingDisk makes states on a disk that turns bad at a chosen moment and is
// good again afterwards: whatever the moment and the way it fails, the live /usr
// is the old one or the new one, whole, and the program has said which in one
// line.
func TestFailingDisk(t *testing.T) {
	alongside(t)
	// What begins after a step's line: space, unpack; unpack, stage; room, seal;
	// seal, menu; menu, exchange; exchange, links.
	for kind, failures := range map[string]failures{
		"ext4": {
			steps: [][2]string{{"writes", "space unpack room seal menu exchange"}, {"all", "space unpack menu"}, {"drop", "room seal menu"}},
			sweep: []string{"writes", "writes", "writes", "writes"},
		},
		"xfs": {
			steps: [][2]string{{"writes", "unpack room seal menu"}},
			sweep: []string{"all", "drop"},
		},
	} {
		t.Run(kind, func(t *testing.T) {
			inTurn(t, 4)
			r := newFailing(t, kind)
			r.unreadable()
			for _, one := range failures.steps {
				for line := range strings.FieldsSeq(one[1]) {
					r.fail(moment{after: "step " + line + ":", mode: one[0]})
				}
			}
			r.sweep(failures.sweep)
		})
	}
}

type failures struct {
	steps [][2]string // the way in which the disk fails, and the steps after which it begins
	sweep []string    // ways, at moments spread over all calls of a transaction
}

// moment is when a disk fails, and how.
type moment struct {
	after string // the line of moss -v; empty: from the start
	call  int    // the number of the call that would change the disk, after that line; 0: with the line
	mode  string
}

func (m moment) String() string {
	return fmt.Sprintf("%s from call %d after %q", m.mode, m.call, m.after)
}

// failing is a machine with a root on a disk that can fail.
type failing struct {
	*machine
	kind, node string
	live       int // the note that the live state has
	note       int // the last one that was tried
	trees      map[int]string
}

func newFailing(t *testing.T, kind string) *failing {
	t.Helper()
	mkfs := "mkfs." + kind
	need.Program(t, mkfs)
	base, err := labDisk()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	lab, bad := filepath.Join(dir, "lab.raw"), filepath.Join(dir, "bad.raw")
	if err := disk.Copy(t.Context(), base.Path, lab); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(bad, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(bad, 320<<20); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(mkfs, "-q", bad).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", mkfs, err, out)
	}
	r := &failing{machine: bootLab(t, "moss.fstx=1", vm.Config{Disks: []vm.Disk{{Path: lab}, {Path: bad}}}), kind: kind, live: 1, note: 1, trees: map[int]string{}}
	r.must("echo 1 > /proc/sys/kernel/printk") // what the kernel says of the disk is no word of moss
	r.node = r.must("flakey open bad /dev/vdb")
	r.must("flakey mount " + kind + " " + r.node + " /mnt")
	r.must("mkdir -p /mnt/efi /mnt/etc/kernel && cp -r /etc/kernel/cmdline.d /mnt/etc/kernel/ && cp /etc/machine-id /mnt/etc/")
	r.must("moss -y -D /mnt install tiny.stone note-1.stone")
	return r
}

// install is a transaction with the next note in place of the live one.
func (r *failing) install() string {
	r.note++
	return fmt.Sprintf("-y -D /mnt install %s/note-%d.stone --without note-%d", world.LabDir, r.note, r.live)
}

// fail makes a state while the disk fails, and looks at what is left when the
// disk is good again: first as it lies there, then after moss was run once more.
func (r *failing) fail(m moment) {
	r.t.Helper()
	// No bars: beside them a line is printed some time after its step.
	watch, verbose := fmt.Sprintf("flakey watch -call %d", m.call), ""
	if m.after != "" {
		watch, verbose = watch+" -line '"+m.after+"'", "-v"
	}
	out, status := r.try(fmt.Sprintf("%s bad /dev/vdb %s moss --progress none %s %s 2>&1", watch, m.mode, verbose, r.install()))
	what := fmt.Sprintf("%s, note %d to %d, exit code %d", m, r.live, r.note, status)
	said, counted, _ := strings.Cut(out, "flakey: ")
	if !strings.Contains(counted, m.mode+` at "`) || strings.Contains(counted, `at ""`) {
		r.t.Errorf("%s: the disk was never bad: %s", what, out)
	}
	r.spoke(what, said, status, m.after == "")
	r.must("flakey unmount /mnt && flakey set bad /dev/vdb good && flakey mount " + r.kind + " " + r.node + " /mnt")
	r.decide(what, m, status)
	if r.t.Failed() {
		r.t.Fatalf("%s: said:\n%s", what, said)
	}
	r.t.Logf("%s: %s; live: note %d", what, strings.TrimSpace(counted), r.live)
}

var (
	crashed = regexp.MustCompile(`(?m)^(panic:|fatal error:|goroutine \d)`)
	oneLine = regexp.MustCompile(`(?:^|\n)moss: [^\n]+\n(?:  next: [^\n]+\n)?$`)
	onlyOne = regexp.MustCompile(`^moss: [^\n]+\n(?:  next: [^\n]+\n)?$`)
)

// spoke checks what a person saw: a failure is one line and what to do next.
func (r *failing) spoke(what, said string, status int, quiet bool) {
	r.t.Helper()
	switch {
	case crashed.MatchString(said):
		r.t.Errorf("%s: it crashed", what)
	case status == 0:
	case status != 1 && status != 3 && status != 4:
		r.t.Errorf("%s: want 0, 1, 3 or 4", what)
	case !oneLine.MatchString(said), quiet && status != 4 && !onlyOne.MatchString(said):
		r.t.Errorf("%s: the error is not one line:\n%s", what, said)
	}
}

// decide finds out which state the live one is now. An exit code is a promise,
// unless the disk lied itself.
func (r *failing) decide(what string, m moment, status int) {
	r.t.Helper()
	got := r.must("flakey tree /mnt/usr")
	isNew := got == r.tree(r.note)
	switch {
	case !isNew && got != r.tree(r.live):
		r.t.Errorf("%s: the live /usr is neither the old nor the new state:\n%s", what, r.must("flakey list /mnt/usr"))
	case m.mode != "drop" && isNew != (status == 0 || status == 4):
		r.t.Errorf("%s: it says otherwise, but the live /usr is new: %v", what, isNew)
	}
	if isNew {
		r.live = r.note
	}
	r.settled(what)
}

// settled checks that the next run puts everything right.
func (r *failing) settled(what string) {
	r.t.Helper()
	for _, next := range []string{"moss -y -D /mnt state prune --keep 3 2>&1", "moss-boot -D /mnt sync 2>&1"} {
		if out, status := r.try(next); status != 0 {
			r.t.Errorf("%s: the next run, %s: exit code %d: %s", what, next, status, out)
		}
	}
	if out, status := r.try("moss -D /mnt state verify 2>&1"); status != 0 {
		r.t.Errorf("%s: verify after the next run: exit code %d: %s", what, status, out)
	}
	if out := r.must("(cd /mnt/.moss/root && for n in * .[!.]*; do [ ! -e $n ] || [ $n = $(cat $n/usr/.stateID) ] || echo $n; done)"); out != "" {
		r.t.Errorf("%s: folders that are no state's: %s", what, out)
	}
	if got, want := r.must("flakey tree /mnt/usr"), r.tree(r.live); got != want {
		r.t.Errorf("%s: after the next run the live /usr is not that of note %d any more", what, r.live)
	}
}

// sweep lets the disk fail at calls spread over a whole transaction. Their number
// is taken from one that nothing happens to.
func (r *failing) sweep(modes []string) {
	r.t.Helper()
	out := r.must("flakey watch -call 100000 bad /dev/vdb good moss " + r.install())
	r.live = r.note
	calls, err := strconv.Atoi(regexp.MustCompile(`flakey: (\d+) calls`).FindStringSubmatch(out)[1])
	if err != nil {
		r.t.Fatal(err)
	}
	for i, mode := range modes {
		r.fail(moment{call: 1 + i*calls/len(modes), mode: mode})
	}
}

// tree is what /usr has to be with a note, by the lists that were made with it.
func (r *failing) tree(note int) string {
	r.t.Helper()
	if r.trees[note] == "" {
		r.trees[note] = r.must(fmt.Sprintf("flakey tree tiny.list note-%d.list", note))
	}
	return r.trees[note]
}

// unreadable has verify read a disk with bad blocks: it names each file that it
// cannot read, goes on to the other damage, and is content when all is good again.
func (r *failing) unreadable() {
	r.t.Helper()
	const first, last = "/usr/share/note/1/text", "/usr/share/note/6/text"
	r.must("flakey spoil bad /dev/vdb /mnt" + first + " /mnt" + last)
	r.must("chmod 600 /mnt/usr/share/note/7/text && sync && echo 3 > /proc/sys/vm/drop_caches")
	out, status := r.try("moss -D /mnt state verify 2>&1")
	if status != 6 {
		r.t.Errorf("verify with unreadable files: got exit code %d, want 6", status)
	}
	for _, want := range []string{first, last, "input/output error", "/usr/share/note/7/text"} {
		if !strings.Contains(out, want) {
			r.t.Errorf("verify with unreadable files: nothing is said of %s", want)
		}
	}
	r.must("flakey set bad /dev/vdb good && chmod 755 /mnt/usr/share/note/7/text && sync")
	if again, status := r.try("moss -D /mnt state verify 2>&1"); status != 0 {
		r.t.Errorf("verify after the disk was good again: exit code %d: %s", status, again)
	}
	if r.t.Failed() {
		r.t.Logf("verify said:\n%s", out)
	}
}
