package early

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"moss/internal/testutil"
	"moss/internal/testutil/need"
	"moss/usrmerge"
)

// unmergedRoot is an un-merged root whose gate is open.
func unmergedRoot() testutil.Tree {
	return testutil.Tree{
		"bin/ls": "ls", "sbin/mount": "mount", "lib/libc.so": "libc", "lib/both/differs": "old", "usr/lib/both/differs": "new", "usr/bin/id": "id",
		"etc/moss/usr-merge.conf": "rollout=256\n", usrmerge.Folder + "/ready": "",
	}
}

// merging is a boot whose root has the tree.
func merging(t *testing.T, line string, trees ...testutil.Tree) *Boot {
	t.Helper()
	b := machine(t, line)
	b.Sysroot = filepath.Join(b.Top, "sysroot")
	for _, tree := range trees {
		tree.Create(t, b.Sysroot)
	}
	b.mounted = &rootMount{path: b.Sysroot}
	return b
}

func (b *Boot) isMerged() bool {
	merged, err := usrmerge.Merged(b.Sysroot, nil)
	return merged && err == nil
}

// lines are those on the screen, bars left out.
func lines(t *testing.T, b *Boot) string {
	t.Helper()
	all := strings.Split(strings.ReplaceAll(screen(t, b), "\x1b[K", "\n"), "\n")
	return strings.Join(slices.DeleteFunc(all, func(line string) bool { return line == "" || line[0] == '\r' }), "\n")
}

func TestUsrMergeWhenTheGateIsOpen(t *testing.T) {
	b := merging(t, "root=x", unmergedRoot())
	if err := b.mergeUsr(); err != nil {
		t.Fatal(err)
	}
	if !b.isMerged() || b.report.UsrMerge.Outcome != usrmerge.OutcomeMerged {
		t.Errorf("got %+v, want it merged", b.report.UsrMerge)
	}
	for _, path := range []string{"bin/ls", "usr/bin/ls", "sbin/mount", "lib/libc.so", "usr/lib/libc.so", usrmerge.Folder + "/complete", usrmerge.DefaultOrphans + "/lib/both/differs"} {
		if _, err := os.Stat(filepath.Join(b.Sysroot, path)); err != nil {
			t.Error(err)
		}
	}
	said := lines(t, b)
	first, last, _ := strings.Cut(said, "\n")
	if want := "moss-init: usr-merge: moving /bin, /sbin and /lib into /usr; it is safe to switch off at any moment"; first != want {
		t.Errorf("got %q, want %q", first, want)
	}
	if !strings.HasPrefix(last, "moss-init: usr-merge: done in 0.") || !strings.HasSuffix(last, "; 1 that /usr has differently: /"+usrmerge.DefaultOrphans) {
		t.Errorf("got %q as the last line", last)
	}

	// The next boot has nothing to say and writes nothing.
	again := merging(t, "root=x")
	again.Sysroot, again.mounted = b.Sysroot, &rootMount{path: b.Sysroot, damaged: "not to be written"}
	if err := again.mergeUsr(); err != nil || screen(t, again) != "" || again.report.UsrMerge.Outcome != usrmerge.OutcomeAlready {
		t.Errorf("got %v, %+v, %q, want silence", err, again.report.UsrMerge, screen(t, again))
	}
}

// TestUsrMergeStaysShut: nothing is written, no root is made writable, and only
// what a person has to mend is said.
func TestUsrMergeStaysShut(t *testing.T) {
	for name, c := range map[string]struct {
		line    string
		change  testutil.Tree
		without string
		outcome string
		said    string
	}{
		"no configuration":  {without: "etc/moss/usr-merge.conf", outcome: usrmerge.OutcomeOutside},
		"not ready":         {without: usrmerge.Folder + "/ready", outcome: usrmerge.OutcomeNotReady},
		"moss.usrmerge=off": {line: "moss.usrmerge=off", outcome: usrmerge.OutcomeOff},
		"an odd word":       {line: "moss.usrmerge=maybe", outcome: usrmerge.OutcomeRefused, said: "usr-merge: not merged: moss.usrmerge=maybe"},
		"bad configuration": {change: testutil.Tree{"etc/moss/usr-merge.conf": "rollout=many\n"}, outcome: usrmerge.OutcomeRefused,
			said: "usr-merge: not merged: /etc/moss/usr-merge.conf:1: "},
		"no machine id": {change: testutil.Tree{"etc/moss/usr-merge.conf": "rollout=128\n", "etc/machine-id": "uninitialized\n"},
			outcome: usrmerge.OutcomeRefused, said: "usr-merge: not merged: /etc/machine-id says uninitialized"},
		"/var elsewhere": {change: testutil.Tree{"etc/fstab": "UUID=1 / ext4 rw 0 1\nUUID=2 /var xfs defaults 0 2\n"}, outcome: outcomeLeft},
	} {
		t.Run(name, func(t *testing.T) {
			b := merging(t, c.line, unmergedRoot(), c.change)
			if c.without != "" {
				if err := os.Remove(filepath.Join(b.Sysroot, c.without)); err != nil {
					t.Fatal(err)
				}
			}
			b.mounted.flags = unix.MS_RDONLY // a remount of this folder would fail
			before := testutil.List(t, b.Sysroot)
			if err := b.mergeUsr(); err != nil {
				t.Fatal(err)
			}
			if got := b.report.UsrMerge; got.Outcome != c.outcome || got.Reason == "" {
				t.Errorf("got %+v, want %s", got, c.outcome)
			}
			if said := screen(t, b); !strings.Contains(said, c.said) || c.said == "" && said != "" || strings.Count(said, "\n") > 1 {
				t.Errorf("got %q, want %q", said, c.said)
			}
			if diff := cmp.Diff(before, testutil.List(t, b.Sysroot)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestUsrMergeNeverStopsTheBoot, whatever goes wrong in it.
func TestUsrMergeNeverStopsTheBoot(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(b *Boot)
		said  string
	}{
		"a root that cannot be written": {func(b *Boot) { b.mounted.flags = unix.MS_RDONLY }, "usr-merge: not merged: make the root writable: "},
		"a damaged root":                {func(b *Boot) { b.mounted.flags, b.mounted.damaged = unix.MS_RDONLY, "its fsck failed" }, "usr-merge: not merged: "},
		"a panic":                       {func(b *Boot) { b.mounted = nil }, "usr-merge: not finished: panic: runtime error: "},
		"a file where a folder is": {func(b *Boot) {
			testutil.Tree{"lib/x/": "", "usr/lib/x": "file"}.Create(t, b.Sysroot)
		}, "usr-merge: not merged: /lib/x "},
	} {
		t.Run(name, func(t *testing.T) {
			b := merging(t, "", unmergedRoot())
			c.spoil(b)
			if err := b.mergeUsr(); err != nil {
				t.Errorf("got %v, want the boot to go on", err)
			}
			if said := lines(t, b); !strings.Contains(said, c.said) {
				t.Errorf("got %q, want %q", said, c.said)
			}
			if got := b.report.UsrMerge.Outcome; got != usrmerge.OutcomeRefused && got != usrmerge.OutcomeFailed {
				t.Errorf("got the outcome %q", got)
			}
		})
	}
}

// TestUsrMergeOfAReadOnlyRoot: it is writable for that moment only, and not at all
// when nothing is to be merged.
func TestUsrMergeOfAReadOnlyRoot(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	for _, line := range []string{"ro moss.usrmerge=off", "ro"} {
		b := machine(t, line)
		b.Sysroot = filepath.Join(b.Top, "sysroot")
		mountMemory(t, b.Sysroot, 0)
		unmergedRoot().Create(t, b.Sysroot)
		if err := unix.Mount("", b.Sysroot, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
			t.Fatal(err)
		}
		b.mounted = &rootMount{path: b.Sysroot, flags: unix.MS_RDONLY}
		if err := b.mergeUsr(); err != nil {
			t.Fatal(err)
		}
		if merge := line == "ro"; b.isMerged() != merge || b.mounted.opened != merge {
			t.Errorf("%s: merged %v, made writable %v", line, b.isMerged(), b.mounted.opened)
		}
		if err := b.restoreReadOnly(); err != nil || !errors.Is(writes(b.Sysroot), unix.EROFS) {
			t.Errorf("%s: the root is writable afterwards (%v)", line, err)
		}
	}
}

// TestUsrMergeMarkerAfterACut: the last thing of a merge is its marker.
func TestUsrMergeMarkerAfterACut(t *testing.T) {
	b := merging(t, "", unmergedRoot())
	if err := b.mergeUsr(); err != nil {
		t.Fatal(err)
	}
	marker := filepath.Join(b.Sysroot, usrmerge.Folder, "complete")
	for _, readOnly := range []bool{true, false} {
		if err := os.RemoveAll(marker); err != nil {
			t.Fatal(err)
		}
		next := merging(t, "")
		next.Sysroot, next.mounted = b.Sysroot, &rootMount{path: b.Sysroot}
		if readOnly {
			next.mounted.flags = unix.MS_RDONLY
		}
		if err := next.mergeUsr(); err != nil || screen(t, next) != "" || next.report.UsrMerge.Outcome != usrmerge.OutcomeAlready {
			t.Errorf("read-only %v: got %v, %+v, %q", readOnly, err, next.report.UsrMerge, screen(t, next))
		}
		if _, err := os.Stat(marker); (err == nil) == readOnly {
			t.Errorf("read-only %v: the marker: %v", readOnly, err)
		}
	}
}

// TestDepmodRunsInTheRoot has a real one make real indexes, in a root where it and
// they are to be found by the root's names only.
func TestDepmodRunsInTheRoot(t *testing.T) {
	need.Root(t, "a root of another's")
	program, err := os.ReadFile(need.Program(t, "busybox"))
	if err != nil {
		t.Fatal(err)
	}
	b := merging(t, "", testutil.Tree{"usr/lib/modules/6.1.2/kernel/": "", "lib": "-> usr/lib"})
	testutil.Tree{"dev/null": ""}.Create(t, b.Top)
	if err := b.depmod("6.1.2"); err == nil || !strings.Contains(err.Error(), "run depmod: ") {
		t.Errorf("without one: got %v", err)
	}
	if err := os.MkdirAll(filepath.Join(b.Sysroot, "usr/sbin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.Sysroot, "usr/sbin/depmod"), program, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := b.depmod("6.1.2"); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(b.Sysroot, "usr/lib/modules/6.1.2/modules.dep")); err != nil {
		t.Error(err)
	}
	if err := b.depmod("9.9.9"); err == nil || !strings.Contains(err.Error(), "/usr/sbin/depmod: exit status 1") {
		t.Errorf("modules that are not there: got %v", err)
	}
}
