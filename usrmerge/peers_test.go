package usrmerge_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"moss/internal/atomicfile"
	"moss/internal/testutil"
	"moss/internal/testutil/need"
)

const (
	peerRounds  = 3 // the median of them counts
	peerFolders = 400
	peerFiles   = 15 // in each of them
	peerSample  = 10 // one part in so many of the folders is what the shell method gets
)

// merger is a way to merge a root.
type merger struct {
	name  string
	words func(root string) []string
	done  map[*peerCase]*times
}

// times are in seconds, one a run.
type times struct {
	name string
	took []float64
	cpu  []float64 // with all its children: what a busy machine changes least
}

func (m *merger) of(c *peerCase) times { return *m.done[c] }

// BenchmarkPeers merges an un-merged Debian with 6,000 files in 400 folders of /lib
// that (both) /usr/lib has too or (old) has not, with /usr on the same device and
// on another one: `moss usr-merge run --force` as a process, Debian's
// convert-usrmerge in a chroot as its package runs it, and the same by hand in
// shell. They take turns on fresh copies, warm, and every path that there was must
// lead to the same content afterwards. Ours syncs what it did; the others do not.
// The shell gets a part of the files, and its time is multiplied by the rest: each
// file is the same work to it. One iteration is enough; TMPDIR chooses the file
// system.
func BenchmarkPeers(b *testing.B) {
	need.Root(b, "a chroot")
	debian := testutil.UnmergedDebian(b)
	enterMounts(b)
	rig := newPeerRig(b, debian)
	ours, debians, shell := rig.mergers()
	for range b.N {
		for range peerRounds {
			for _, c := range rig.cases {
				rig.measure(b, c, ours)
				rig.measure(b, c, debians)
			}
			rig.measure(b, rig.sample, shell)
		}
	}
	for _, c := range rig.cases {
		compare(b, c.name, ours.of(c), debians.of(c), 1)
	}
	compare(b, rig.cases[0].name, ours.of(rig.cases[0]), shell.of(rig.sample), float64(rig.cases[0].files)/float64(rig.sample.files))
	b.ReportMetric(0, "ns/op")
}

// compare reports medians and how many times ours is faster. The peer did one part
// in scale of what ours did.
func compare(b *testing.B, name string, ours, peer times, scale float64) {
	a, p := median(ours.took), median(peer.took)*scale
	ca, cp := median(ours.cpu), median(peer.cpu)*scale
	b.Logf("figure: %-16s moss %.3f s (%.3f), %s %.2f s (%.2f, of one in %.1f): %.1f times; of processor %.3f s and %.2f s: %.1f times",
		name, a, ours.took, peer.name, p, peer.took, scale, p/a, ca, cp, cp/ca)
	unit := strings.ReplaceAll(name, "/", "-")
	b.ReportMetric(a, unit+"-s")
	b.ReportMetric(p/a, unit+"-x-"+peer.name)
}

// enterMounts puts this goroutine and the processes it starts into a mount namespace
// that goes when the thread does: the lock is never undone.
func enterMounts(b *testing.B) {
	runtime.LockOSThread()
	err := unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_FS)
	if err == nil {
		err = unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	}
	if err != nil {
		b.Fatalf("enter a mount namespace: %v", err)
	}
}

// peerCase is a root to merge.
type peerCase struct {
	name, template string
	device         bool              // /usr is on one of its own
	files          int               // that are not folders, to be merged
	want           map[string]string // what each path has before, by its old and its new name
}

type peerRig struct {
	dir, moss string
	cases     []*peerCase
	sample    *peerCase
}

func newPeerRig(b *testing.B, debian string) *peerRig {
	rig := &peerRig{dir: b.TempDir()}
	rig.moss = filepath.Join(rig.dir, "moss")
	build := exec.CommandContext(b.Context(), "go", "build", "-trimpath", "-o", rig.moss, "./cmd/moss")
	build.Dir, build.Env = testutil.Repo(b), append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	one := func(name string, folders int, both, device bool) *peerCase {
		template := filepath.Join(rig.dir, fmt.Sprintf("%d-%t", folders, both))
		if _, err := os.Stat(template); err != nil {
			testutil.Run(b, "cp", "-a", debian, template)
			many(b, template, folders, both)
		}
		files := testutil.Run(b, "sh", "-c", "cd $0 && find bin sbin lib lib64 ! -type d | wc -l", template)
		n, err := strconv.Atoi(files)
		if err != nil {
			b.Fatal(err)
		}
		return &peerCase{name, template, device, n, contents(b, template)}
	}
	rig.cases = []*peerCase{one("both/one-device", peerFolders, true, false), one("both/two-devices", peerFolders, true, true),
		one("old/one-device", peerFolders, false, false), one("old/two-devices", peerFolders, false, true)}
	rig.sample = one("sample", peerFolders/peerSample, true, false)
	return rig
}

// many makes the folders; where both sides have them, /usr's has a file of its own.
func many(b *testing.B, root string, folders int, both bool) {
	tree := testutil.Tree{}
	for i := range folders {
		for k := range peerFiles {
			tree[fmt.Sprintf("lib/many/%d/%d", i, k)] = fmt.Sprintf("file %d of folder %d\n", k, i)
		}
		if both {
			tree[fmt.Sprintf("usr/lib/many/%d/own", i)] = "of /usr\n"
		}
	}
	tree.Create(b, root)
}

func (rig *peerRig) mergers() (ours, debians, shell *merger) {
	ours = &merger{name: "moss", words: func(root string) []string { return []string{rig.moss, "usr-merge", "run", "--force", "-q", "-D", root} }}
	debians = &merger{name: "convert-usrmerge", words: func(root string) []string { return []string{"chroot", root, "/usr/lib/usrmerge/convert-usrmerge"} }}
	shell = &merger{name: "shell", words: func(root string) []string { return []string{"sh", "testdata/shell.sh", root} }}
	for _, m := range []*merger{ours, debians, shell} {
		m.done = map[*peerCase]*times{}
	}
	return ours, debians, shell
}

// measure merges a fresh copy, and looks at what came of it.
func (rig *peerRig) measure(b *testing.B, c *peerCase, m *merger) {
	root := filepath.Join(rig.dir, "root")
	leave := rig.copy(b, c, root)
	defer leave()
	for _, dir := range []string{root, filepath.Join(root, "usr")} { // the copy's own writes are not the merge's
		if err := atomicfile.SyncFS(dir); err != nil {
			b.Fatal(err)
		}
	}
	words := m.words(root)
	cmd := exec.CommandContext(b.Context(), words[0], words[1:]...)
	start := time.Now()
	out, err := cmd.CombinedOutput()
	if m.done[c] == nil {
		m.done[c] = &times{name: m.name}
	}
	one := m.done[c]
	one.took = append(one.took, time.Since(start).Seconds())
	one.cpu = append(one.cpu, (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds())
	if err != nil {
		b.Fatalf("%s, %s: %v\n%s", m.name, c.name, err, out)
	}
	got := contents(b, root)
	for path, want := range c.want {
		for _, at := range []string{path, "usr/" + strings.TrimPrefix(path, "usr/")} {
			if got[at] != want {
				b.Fatalf("%s, %s: /%s has %q, want what /%s had, %q", m.name, c.name, at, got[at], path, want)
			}
		}
	}
	for _, dir := range []string{"bin", "sbin", "lib", "lib64"} {
		if text, err := os.Readlink(filepath.Join(root, dir)); err != nil || text != "usr/"+dir {
			b.Fatalf("%s, %s: /%s is %q, %v", m.name, c.name, dir, text, err)
		}
	}
}

// copy makes root, and gives what takes it away again.
func (rig *peerRig) copy(b *testing.B, c *peerCase, root string) (leave func()) {
	if !c.device {
		testutil.Run(b, "cp", "-a", c.template, root)
		return func() { rig.remove(b, root) }
	}
	image := filepath.Join(rig.dir, "usr.img")
	testutil.Run(b, "mkdir", root, filepath.Join(root, "usr"))
	testutil.Run(b, "truncate", "-s", "2G", image)
	testutil.Run(b, "mkfs.ext4", "-q", image)
	testutil.Run(b, "mount", "-o", "loop", image, filepath.Join(root, "usr"))
	testutil.Run(b, "cp", "-a", c.template+"/.", root)
	return func() {
		testutil.Run(b, "umount", filepath.Join(root, "usr"))
		rig.remove(b, root)
		rig.remove(b, image)
	}
}

func (rig *peerRig) remove(b *testing.B, path string) {
	if err := os.RemoveAll(path); err != nil {
		b.Fatal(err)
	}
}

// contents maps every file of the top folders, through links and as the root itself
// sees them, to its hash.
func contents(b *testing.B, root string) map[string]string {
	const list = `cd / && for d in bin sbin lib lib64 usr/bin usr/sbin usr/lib usr/lib64; do
		[ ! -d $d ] || find -L $d -type f 2>/dev/null; done | sort -u | xargs -d '\n' sha256sum`
	found := map[string]string{}
	for line := range strings.Lines(testutil.Run(b, "chroot", root, "sh", "-c", list)) {
		sum, path, _ := strings.Cut(strings.TrimSpace(line), "  ")
		found[path] = sum
	}
	if len(found) < peerFolders/peerSample*peerFiles {
		b.Fatalf("%s: only %d files were found", root, len(found))
	}
	return found
}

func median(all []float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}
