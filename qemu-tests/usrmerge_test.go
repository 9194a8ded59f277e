package qemutests

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"moss/internal/testutil"
	"moss/qemu-tests/debian"
	"moss/qemu-tests/vm"
	"moss/qemu-tests/world"
)

// TestUsrMerge boots un-merged Debian systems, which early boot merges, to the
// login: nothing of them has changed but the names, by which everything is found as
// before. The next boot has nothing to do. What was merged and is un-merged again
// is merged again.
func TestUsrMerge(t *testing.T) {
	alongside(t)
	for kind, shapes := range map[string][]string{"ext4": {world.Odd}, "xfs": {world.Many}, "btrfs": {world.Alias}, "f2fs": nil} {
		t.Run(kind, func(t *testing.T) {
			inTurn(t, 3)
			m := newUnmerged(t, kind, shapes...)
			m.boot("")
			m.expect("moss-init: usr-merge: moving /bin, /sbin")
			m.expect("into /usr; it is safe to switch off at any moment")
			m.done()
			m.login()
			m.merged("merged")
			m.sound(shapes...)
			if kind == "f2fs" { // which not every machine can mount
				m.same(shapes, m.inside())
			}
			m.stop()
			if kind != "f2fs" {
				m.same(shapes, m.outside("paths", before, "/"))
			}

			m.boot("init=" + world.UnmergedInit)
			m.quiet()
			if kind == "ext4" {
				m.again()
			}
		})
	}
}

// unmerged is a machine with an un-merged root, or what was one.
type unmerged struct {
	*machine
	test *testing.T
	disk string
	log  int // of which boot
}

// unmergedRoots are made once.
var unmergedRoots = sync.OnceValues(func() (*world.Unmerged, error) {
	w, err := world.New(os.Stderr)
	if err != nil {
		return nil, err
	}
	u, err := w.Unmerged(context.Background(), shared.kernel, shared.dir)
	if err != nil {
		return nil, err
	}
	for _, from := range []string{w.Program("moss-init"), w.Program("moss"), filepath.Join(w.Repo, "dist/systemd/moss-usr-merge.service")} {
		if err := u.Give(from, filepath.Base(from)); err != nil {
			return nil, err
		}
	}
	return u, nil
})

func newUnmerged(t *testing.T, kind string, shapes ...string) *unmerged {
	t.Helper()
	u, err := unmergedRoots()
	if err != nil {
		t.Fatal(err)
	}
	disk := filepath.Join(t.TempDir(), "root.raw")
	size := int64(640 << 20)
	if slices.Contains(shapes, world.Many) {
		size = 900 << 20
	}
	if err := u.Disk(t.Context(), u.System, kind, disk, size, shapes...); err != nil {
		t.Fatal(err)
	}
	return &unmerged{machine: &machine{t: t}, test: t, disk: disk}
}

// boot starts the machine with moss-init.
func (u *unmerged) boot(words string) { u.t.Helper(); u.bootWith(shared.initrds[plainImage], words) }

func (u *unmerged) bootWith(initrd, words string) {
	u.t.Helper()
	u.log++
	config := vm.Config{Name: machineName(u.t) + "-" + string(rune('0'+u.log)), LogDir: shared.dir, Accel: shared.accel, Memory: 768,
		Disks: []vm.Disk{{Path: u.disk}}, Kernel: shared.kernel.Plain, Initrd: initrd,
		Append: strings.Join(debian.CommandLine(), " ") + " rw root=/dev/vda " + words}
	started, err := vm.Start(u.t.Context(), config)
	if err != nil {
		u.t.Fatal(err)
	}
	u.t.Cleanup(func() {
		if err := started.Close(); err != nil {
			u.t.Error(err)
		}
	})
	u.vm = started
}

// done waits for the end of the merge, which has to be a good one.
func (u *unmerged) done() {
	u.t.Helper()
	said, err := u.vm.ExpectMatch(regexp.MustCompile(`moss-init: usr-merge: (done in|not )[^\n]*`), bootLimit)
	if err != nil || said[1] != "done in" {
		u.t.Fatalf("the merge: %v, %v", said, err)
	}
}

func (u *unmerged) login() {
	u.t.Helper()
	if err := u.vm.Login("root", "", 2*bootLimit); err != nil {
		u.t.Fatal(err)
	}
	u.must("export PATH=$PATH:" + world.LabDir)
}

// mergeReport is what boot.json says of it.
func (u *unmerged) mergeReport() (outcome string, ms int) {
	u.t.Helper()
	var got struct {
		UsrMerge struct{ Outcome, Reason string }
		Steps    []struct {
			Name string
			MS   int
		}
	}
	text := u.must("cat /run/moss/boot.json")
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		u.t.Fatalf("boot.json: %v: %s", err, text)
	}
	for _, step := range got.Steps {
		if step.Name == "usr-merge" {
			ms = step.MS
		}
	}
	u.t.Logf("figure: usr-merge: %s (%s), %d ms of %v", got.UsrMerge.Outcome, got.UsrMerge.Reason, ms, got.Steps)
	return got.UsrMerge.Outcome, ms
}

// merged checks what is told, and linked what the system is.
func (u *unmerged) merged(outcome string) {
	u.t.Helper()
	if got, _ := u.mergeReport(); got != outcome {
		u.t.Errorf("boot.json: got the outcome %q, want %q", got, outcome)
	}
	u.linked()
	u.reported("merged")
}

func (u *unmerged) linked() {
	u.t.Helper()
	u.is("the root's links", "readlink /bin /sbin /lib /lib64", "usr/bin usr/sbin usr/lib usr/lib64")
	u.is("nothing is left of the merge", "ls -d /.moss-usr-merge* /usr/.moss-usr-merge* 2>/dev/null", "")
	u.must("test -s /var/lib/moss/usr-merge/complete")
}

// reported tells whether the report has one of these outcomes.
func (u *unmerged) reported(outcomes ...string) {
	u.t.Helper()
	report := u.must("cat /var/lib/moss/usr-merge/report.json")
	if !slices.ContainsFunc(outcomes, func(one string) bool { return strings.Contains(report, `"outcome":"`+one+`"`) }) {
		u.t.Errorf("got the report %s, want %q", report, outcomes)
	}
}

// sound checks that the system works: its units, its libraries, its package
// database, the modules of its kernel from both places.
func (u *unmerged) sound(shapes ...string) {
	u.t.Helper()
	u.is("the system", "systemctl is-system-running --wait; systemctl list-units --failed --no-legend --plain", "running")
	for line := range strings.Lines(u.must("dpkg --verify")) {
		// A library of lib64 is a symlink in usr/lib then, with the right content.
		if !slices.Contains(shapes, world.Alias) || !strings.HasPrefix(line, "?M.?????? ") || !strings.Contains(line, " /lib/") {
			u.t.Errorf("dpkg does not verify: %s", line)
		}
	}
	u.must("ldconfig && ldconfig -p | sed -n 's/.* => //p' | xargs ls -L && /bin/sh -c true && /usr/bin/sh -c true && /lib64/ld-linux-x86-64.so.2 /bin/true")
	u.must("modprobe dummy && modprobe veth && test -d /sys/module/dummy -a -d /sys/module/veth")
}

// before is the list of every path, made on this machine before the merge.
const before = world.LabDir + "/before.list"

// inside compares every path with the list in the guest.
func (u *unmerged) inside() string {
	u.t.Helper()
	text, status, err := u.vm.Run("flakey paths "+before+" / 2>&1", 2*bootLimit)
	if err != nil || status != 0 {
		u.t.Fatalf("compare the paths: %v, exit code %d:\n%s", err, status, text)
	}
	return text
}

// outside runs flakey on the stopped machine's disk, on this machine: 60,000 files
// take an emulated processor minutes to read.
func (u *unmerged) outside(words ...string) string {
	u.t.Helper()
	raw := u.disk
	if filepath.Ext(raw) == ".qcow2" {
		raw = filepath.Join(u.test.TempDir(), "stopped.raw")
		testutil.Run(u.t, "qemu-img", "convert", "-O", "raw", u.disk, raw)
	}
	const script = `disk=$1 at=$2; shift 2; mount -o loop,noatime "$disk" "$at"; chroot "$at" "$@"; umount "$at"`
	text, err := mounted(u.t, script, append([]string{raw, u.test.TempDir(), world.LabDir + "/flakey"}, words...)...)
	if err != nil {
		u.t.Fatal(err)
	}
	return text
}

// same compares every path with the list.
func (u *unmerged) same(shapes []string, text string) {
	u.t.Helper()
	want := map[string]string{}
	if slices.Contains(shapes, world.Odd) {
		want = oddDifferences()
	}
	text = strings.TrimSpace(strings.ReplaceAll(text, "\r", ""))
	wrong, missing := unexpected(text, want)
	for _, line := range wrong {
		u.t.Errorf("after the merge: %s", line)
	}
	for name, said := range missing {
		u.t.Errorf("%s: it should be %s now", name, said)
	}
	u.t.Log(text[strings.LastIndex(text, "\n")+1:])
}

// unexpected are the lines of a comparison that say what should not be, and what
// should be and is not.
func unexpected(text string, want map[string]string) (wrong []string, missing map[string]string) {
	missing = maps.Clone(want)
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for _, line := range lines[:len(lines)-1] {
		name, rest, _ := strings.Cut(line, ": ")
		name = strings.Trim(name, `"`)
		switch said, ok := want[name]; {
		case ok && strings.Contains(rest, said):
			delete(missing, name)
		case strings.Contains(name, "/modules/") && strings.Contains(name, "/modules."):
			// The indexes are those of both places now.
		default:
			wrong = append(wrong, line)
		}
	}
	return wrong, missing
}

// oddDifferences are the paths of the shape Odd that are something else after the
// merge, and why that is right.
func oddDifferences() map[string]string {
	return map[string]string{
		"/lib/both":           "was 40750 0:0, is 40755", // /usr's stays
		"/lib/both/differs":   "",                        // so does this one, the other is in orphans
		"/lib/both/climbs":    "is 120777 0:0 ../across", // the same file, by the text of the new place
		"/usr/lib/both/taken": "is 100644",               // the file has taken the link's place
		"/usr/lib/mirrored":   "is 40755",                // and the folder
	}
}

// quiet is a boot that has nothing to do and says nothing.
func (u *unmerged) quiet() {
	u.t.Helper()
	u.up()
	if text := u.vm.Text(); strings.Contains(text, "usr-merge") {
		u.t.Errorf("a boot with nothing to do says something:\n%s", text)
	}
	u.merged("already")
}

func (u *unmerged) up() {
	u.t.Helper()
	u.expect("unmerged: up")
	u.expect("# ")
}

// again makes two of the links folders once more, as an old package does it.
func (u *unmerged) again() {
	u.t.Helper()
	u.must("cp -a /usr/sbin /sbin.new && rm /sbin && mv /sbin.new /sbin && mkdir /bin.new && cp -a /usr/bin/ls /bin.new/ && cp -a /usr/bin/true /bin.new/late && rm /bin && mv /bin.new /bin")
	u.stop()
	u.boot("init=" + world.UnmergedInit)
	u.expect("usr-merge: moving /bin and /sbin into /usr")
	u.up()
	u.merged("merged")
	u.must("/bin/late && /usr/bin/late && /bin/ls /")
}
