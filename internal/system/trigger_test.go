package system_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"moss/internal/system"
	"moss/internal/testutil"
	"moss/internal/testutil/need"
	"moss/store/trigger"
)

const sysFolder = "share/moss/triggers/sys.d/"

// hostPrograms is a package of programs for a root that is changed to.
func hostPrograms(t *testing.T, names ...string) testutil.Stone {
	t.Helper()
	need.Root(t, "changing the root")
	return testutil.Programs(t, names...)
}

// sysTrigger is a trigger that runs a command when the file that names it is there.
func sysTrigger(name, run, more string) string {
	return "name: " + name + "\ndescription: a test's\nhandlers: {it: {" + run + "}}\npaths: {/usr/" + sysFolder + name + ".yaml: {handlers: [it]}}\n" + more + "\n"
}

// inside runs one of this package's tests again with root as its root directory,
// in a mount namespace of its own, and returns what it said.
func inside(t *testing.T, root, test string) (string, error) {
	t.Helper()
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	testutil.Tree{"tmp/": "", "proc/": "", "dev/": "", "var/": ""}.Create(t, root)
	if err := os.WriteFile(filepath.Join(root, "test"), self, 0o755); err != nil {
		t.Fatal(err)
	}
	null := filepath.Join(root, "dev/null")
	if err := unix.Mknod(null, unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))); err != nil && !errors.Is(err, os.ErrExist) {
		need.Machine(t, "a device node: %v", err)
	}
	cmd := exec.Command("/test", "-test.run=^"+test+"$", "-test.v")
	cmd.Dir = "/"
	cmd.Env = []string{"MOSS_TEST_INSIDE=yes", "PATH=/usr/bin", "TMPDIR=/tmp", "MOSS_FAULT=" + os.Getenv("MOSS_FAULT")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS, Chroot: root}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// runInside is the part that runs in the other root.
func runInside(t *testing.T, onlyPending bool) {
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		t.Fatal(err)
	}
	opt := options("/")
	opt.Log = func(line string) { t.Log(line) }
	result, err := system.RunTriggers(t.Context(), opt, onlyPending)
	for _, one := range result.Runs {
		t.Log("DID " + one.String())
	}
	if err != nil {
		t.Logf("ERROR %d %v", system.ExitCode(err), err)
	}
}

func marks(root string) (pending, triggered string) {
	read := func(name string) string {
		text, _ := os.ReadFile(filepath.Join(root, ".moss/boot", name))
		return strings.TrimSpace(string(text))
	}
	return read("pending"), read("triggered")
}

// TestRealSystemTriggers: the state is made for another root, where its system
// triggers do not run; then that root runs, and they do: users, folders, and the
// cache of libraries come to be.
func TestRealSystemTriggers(t *testing.T) {
	if os.Getenv("MOSS_TEST_INSIDE") != "" {
		runInside(t, true)
		return
	}
	root := newRoot(t)
	programs := hostPrograms(t, "systemd-sysusers", "systemd-tmpfiles", "ldconfig")
	install(t, options(root), base(), programs, testutil.Stone{Name: "daemon", Files: testutil.Tree{
		"lib/sysusers.d/daemon.conf":   "u mossd 777 \"Moss test\"\n",
		"lib/tmpfiles.d/daemon.conf":   "d /var/lib/mossd 0750 mossd mossd -\nf /etc/mossd.conf 0644 root root - made\n",
		sysFolder + "sysusers.yaml":    sysTrigger("sysusers", "run: systemd-sysusers", ""),
		sysFolder + "tmpfiles.yaml":    sysTrigger("tmpfiles", "run: systemd-tmpfiles, args: ['--create']", "after: sysusers"),
		sysFolder + "ldconfig.yaml":    sysTrigger("ldconfig", "run: ldconfig", ""),
		sysFolder + "inhibited.yaml":   sysTrigger("inhibited", "run: /no/such", "inhibitors: {environment: [chroot]}"),
		sysFolder + "cleanup.yaml":     sysTrigger("cleanup", "delete: [/var/cache/stale]", ""),
		"share/moss/triggers/sys.yaml": strings.Replace(sysTrigger("single", "run: systemd-tmpfiles, args: ['--version']", ""), sysFolder+"single.yaml", "share/moss/triggers/sys.yaml", 1),
	}})
	testutil.Tree{"var/cache/stale/x": "x"}.Create(t, root)
	if pending, triggered := marks(root); pending != "1" || triggered != "" {
		t.Errorf("after the install: pending %q, triggered %q", pending, triggered)
	}
	if _, err := os.Stat(filepath.Join(root, "etc/passwd")); err == nil {
		t.Error("triggers of another root ran on this system")
	}
	out, err := inside(t, root, "TestRealSystemTriggers")
	if err != nil || strings.Contains(out, "ERROR") || strings.Count(out, "DID ") != 6 || !strings.Contains(out, "DID inhibited does not run: this is a chroot environment") {
		t.Fatalf("got %v, %s", err, out)
	}
	for path, want := range map[string]string{"etc/passwd": "mossd:x:777:", "etc/mossd.conf": "made", "etc/ld.so.cache": "libc.so.6"} {
		text, err := os.ReadFile(filepath.Join(root, path))
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: %v, does not hold %q", path, err, want)
		}
	}
	info, err := os.Stat(filepath.Join(root, "var/lib/mossd"))
	if err != nil || info.Sys().(*syscall.Stat_t).Uid != 777 {
		t.Errorf("var/lib/mossd: %v, %v: tmpfiles came before sysusers", info, err)
	}
	if _, err := os.Stat(filepath.Join(root, "var/cache/stale")); err == nil {
		t.Error("what was to be deleted is still there")
	}
	if pending, triggered := marks(root); pending != "" || triggered != "1" {
		t.Errorf("after the run: pending %q, triggered %q", pending, triggered)
	}
	if out, err := inside(t, root, "TestRealSystemTriggers"); err != nil || strings.Contains(out, "DID ") {
		t.Errorf("a second time: got %v, %s", err, out)
	}
	if text, err := os.ReadFile("/etc/passwd"); err != nil || strings.Contains(string(text), "mossd") {
		t.Errorf("this machine was changed: %v", err)
	}
}

// TestFailingSystemTrigger: the others run all the same, the code is 4, the
// output is shown, and all stay pending.
func TestFailingSystemTrigger(t *testing.T) {
	if os.Getenv("MOSS_TEST_INSIDE") != "" {
		runInside(t, false)
		return
	}
	root := newRoot(t)
	install(t, options(root), base(), hostPrograms(t, "sh", "sleep", "touch"), testutil.Stone{Name: "p", Files: testutil.Tree{
		sysFolder + "a.yaml": sysTrigger("a", "run: sh, args: ['-c', 'echo out of cheese; exit 9']", ""),
		sysFolder + "b.yaml": sysTrigger("b", "run: /usr/bin/nothing", ""),
		sysFolder + "c.yaml": sysTrigger("c", "run: sh, args: ['-c', '(sleep 4 &); touch /var/c']", ""),
	}})
	out, err := inside(t, root, "TestFailingSystemTrigger")
	for _, want := range []string{"trigger a: out of cheese", "ERROR 4 state 1 is in place, but: run trigger a: sh -c echo out of cheese; exit 9: exit status 9: out of cheese",
		"run trigger b: /usr/bin/nothing: there is no such program", "DID c ran"} {
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("got %v, %s, want %q", err, out, want)
		}
	}
	if _, err := os.Stat(filepath.Join(root, "var/c")); err != nil {
		t.Error(err)
	}
	if pending, triggered := marks(root); pending != "1" || triggered != "" {
		t.Errorf("pending %q, triggered %q", pending, triggered)
	}
}

func TestTriggersOfAnotherRootAreRefused(t *testing.T) {
	root := newRoot(t)
	install(t, options(root), base())
	_, err := system.RunTriggers(t.Context(), options(root), false)
	if system.ExitCode(err) != 3 || !strings.Contains(err.Error(), "for a running system") {
		t.Errorf("got %v", err)
	}
}

func TestTriggersAreListed(t *testing.T) {
	root := newRoot(t)
	install(t, options(root), base(), testutil.Stone{Name: "p", Files: testutil.Tree{
		sysFolder + "a.yaml":    sysTrigger("a", "run: 'true'", "inhibitors: {paths: [/etc/machine-id]}"),
		sysFolder + "none.yaml": "name: none\ndescription: d\nhandlers: {e: {run: e}}\npaths: {/usr/nothing: {handlers: [e]}}\n",
		sysFolder + "d.yaml":    sysTrigger("d", "delete: [/var/x/y]", ""),
	}})
	all, err := system.Triggers(options(root))
	if err != nil {
		t.Fatal(err)
	}
	want := []system.TriggerInfo{
		{Scope: trigger.System, Name: "a", Description: "a test's", File: "/usr/" + sysFolder + "a.yaml", Inhibited: "/etc/machine-id exists", Commands: []trigger.Command{{Run: []string{"true"}}}},
		{Scope: trigger.System, Name: "d", Description: "a test's", File: "/usr/" + sysFolder + "d.yaml", Commands: []trigger.Command{{Delete: []string{"/var/x/y"}}}},
	}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Error(diff)
	}
}
