package trigger_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"moss/internal/testutil/need"
	"moss/store/trigger"
)

// TestWhatATriggerSees: the tree, /etc, and nothing else of the host.
func TestWhatATriggerSees(t *testing.T) {
	b := newBox(t)
	b.write("etc/conf", "from etc")
	b.write("usr/share/data", "from usr")
	_, out := b.must(`
		echo root: $(ls /)
		echo dev: $(ls /dev)
		cat /etc/conf /usr/share/data; echo
		echo pid $$ of $(cd /proc; echo [0-9]*)
		echo net: $(cat /proc/net/dev | head -3 | cat -n | head -9 | wc -l 2>/dev/null)
		hostname; id -u; env
		cat </dev/null; echo x >/dev/null; head -c1 /dev/urandom >/dev/null && echo random
		cat /proc/self/oom_score_adj; cat /proc/self/status`)
	for _, want := range []string{"root: bin dev etc lib lib64 proc run sbin tmp usr var", "dev: fd full null random shm stderr stdin stdout urandom zero",
		"from etcfrom usr", "localhost", "LANG=C.UTF-8", "HOME=/", "random", "\n1000\n", "\nNoNewPrivs:\t1\n", "\nSeccomp:\t2\n", "\nCapInh:\t0000000000000000\n",
		// chown, dac_override, fowner, fsetid, setgid, setuid, setfcap
		"\nCapPrm:\t00000000800000db\n", "\nCapEff:\t00000000800000db\n", "\nCapBnd:\t00000000800000db\n", "\nCapAmb:\t0000000000000000\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in what it saw:\n%s", want, out)
		}
	}
	for _, host := range []string{"SHELL=/bin/bash", "GOPATH", "MOSS"} {
		if strings.Contains(out, host) {
			t.Errorf("it saw %q of the host:\n%s", host, out)
		}
	}
}

// TestChangesAreExactlyWhatWasDone covers every way a tree can differ.
func TestChangesAreExactlyWhatWasDone(t *testing.T) {
	for _, memory := range []bool{false, true} {
		b := newBox(t)
		b.Memory = memory
		b.write("usr/share/edited", "before")
		b.write("usr/share/removed", "x")
		b.write("usr/share/gone/a/b", "x")
		b.write("usr/share/again/old", "x")
		b.write("usr/share/moded", "x")
		b.write("usr/share/from/file", "moved")
		changes, _ := b.must(`cd /usr/share
			echo after >edited; rm removed; rm -r gone; rm -r again; mkdir again; echo n >again/new
			chmod 4755 moded; mkdir -m 700 made; ln -s ../x made/link; echo y >made/file; mv from to; touch made/empty`)
		want := []string{"share", "share/again (alone)", "share/again/new", "share/edited", "- share/from", "- share/gone",
			"share/made (alone)", "share/made/empty", "share/made/file", "share/made/link", "share/moded", "- share/removed", "share/to (alone)", "share/to/file"}
		got := paths(changes)
		for i := range got { // kernels differ in whether a folder that is new anyway is marked
			if got[i] == "share/made" || got[i] == "share/to" {
				got[i] += " (alone)"
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("memory %v: %s", memory, diff)
		}
		for _, c := range changes {
			switch c.Path {
			case "share/moded":
				if c.Mode != unix.S_IFREG|0o4755 {
					t.Errorf("moded: got mode %o", c.Mode)
				}
			case "share/made/link":
				if c.Target != "../x" {
					t.Errorf("link: got %q", c.Target)
				}
			case "share/made":
				if c.Mode != unix.S_IFDIR|0o700 {
					t.Errorf("made: got mode %o", c.Mode)
				}
			}
			for _, x := range c.Xattrs {
				t.Errorf("%s carries %s, which is the overlay's", c.Path, x.Name)
			}
		}
	}
}

func TestCommandsRunInOrderAndTheFirstFailureEnds(t *testing.T) {
	b := newBox(t)
	job := shell("echo one >/usr/share/one", "cat /usr/share/one; echo two >&2; exit 7", "echo three")
	_, out, err := b.run(job)
	var failed *trigger.Error
	if !errors.As(err, &failed) {
		t.Fatalf("got %v, want an Error", err)
	}
	if out != "one\ntwo\n" {
		t.Errorf("got output %q: the third command ran, or the second did not see what the first wrote", out)
	}
	if failed.Trigger != "test" || failed.Why != "exit status 7" || failed.Output != out || !strings.Contains(err.Error(), "two") {
		t.Errorf("got %+v, %v", failed, err)
	}
}

func TestMissingProgramIsNamed(t *testing.T) {
	b := newBox(t)
	for _, name := range []string{"/usr/bin/nothing", "nothing"} {
		job := trigger.Job{Trigger: &trigger.Trigger{Name: "test"}, Commands: []trigger.Command{{Run: []string{name}}}}
		_, _, err := b.run(job)
		if err == nil || !strings.Contains(err.Error(), "there is no such program") || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v", err)
		}
	}
}

func TestDelete(t *testing.T) {
	b := newBox(t)
	b.write("usr/share/a/b", "x")
	b.write("usr/share/c", "x")
	job := trigger.Job{Trigger: &trigger.Trigger{Name: "test"}, Commands: []trigger.Command{{Delete: []string{"/usr/share/a", "/usr/share/c", "/usr/share/not-there"}}}}
	changes, _, err := b.run(job)
	if diff := cmp.Diff([]string{"share", "- share/a", "- share/c"}, paths(changes)); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

func TestSignalsEndACommandAndAreNamed(t *testing.T) {
	b := newBox(t)
	if _, _, err := b.run(shell("kill -9 $$")); err == nil || !strings.Contains(err.Error(), "killed by signal 9") {
		t.Errorf("got %v", err)
	}
}

func TestLimitEndsIt(t *testing.T) {
	b := newBox(t)
	b.Limit = 300 * time.Millisecond
	begun := time.Now()
	_, out, err := b.run(shell("echo begun; sleep 100 & sleep 100"))
	if err == nil || !strings.Contains(err.Error(), "not done within 300ms") || out != "begun\n" {
		t.Errorf("got %v, %q", err, out)
	}
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestOutputIsBounded(t *testing.T) {
	b := newBox(t)
	_, out := b.must("echo first; head -c 300000000 /dev/zero; echo; echo last")
	if len(out) > 66<<10 || !strings.HasPrefix(out, "first\n") || !strings.HasSuffix(out, "\nlast\n") || !strings.Contains(out, "bytes left out") {
		t.Errorf("got %d bytes, %q … %q", len(out), out[:20], out[len(out)-20:])
	}
}

func TestInterruptEndsIt(t *testing.T) {
	b := newBox(t)
	ctx, stop := context.WithCancelCause(t.Context())
	defer stop(nil)
	reason := errors.New("the user asked for it")
	mark := "7" + strconv.Itoa(os.Getpid())
	go func() {
		for len(processes("sleep", mark)) == 0 && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		stop(reason)
	}()
	_, _, err := b.runContext(ctx, trigger.Job{Trigger: &trigger.Trigger{Name: "test"}, Commands: []trigger.Command{{Run: []string{"sleep", mark}}}})
	if !errors.Is(err, reason) {
		t.Errorf("got %v, want %v", err, reason)
	}
}

// TestOverlayOnOverlay is a container: the kernel takes no overlay whose writes
// go to another, and memory has to do.
func TestOverlayOnOverlay(t *testing.T) {
	if os.Getenv("MOSS_TEST_OVERLAY") != "" {
		onOverlay(t)
		return
	}
	need.Root(t, "mounting")
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestOverlayOnOverlay$")
	cmd.Env = append(os.Environ(), "MOSS_TEST_OVERLAY="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func onOverlay(t *testing.T) {
	dir := os.Getenv("MOSS_TEST_OVERLAY")
	for _, name := range []string{"lower", "upper", "work", "merged"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	options := "lowerdir=" + dir + "/lower,upperdir=" + dir + "/upper,workdir=" + dir + "/work"
	if err := unix.Mount("test", dir+"/merged", "overlay", 0, options); err != nil {
		t.Skipf("no overlay here: %v", err)
	}
	t.Setenv("TMPDIR", dir+"/merged")
	b := newBox(t)
	_, _, err := b.run(shell("echo x >/usr/share/x"))
	var sandbox *trigger.SandboxError
	if !errors.As(err, &sandbox) || !trigger.NeedsMemory(err) {
		t.Errorf("got %v, want one that asks for memory", err)
	}
	b.Memory = true
	changes, out, err := b.run(shell("echo x >/usr/share/x"))
	if got := strings.Join(paths(changes), " "); err != nil || got != "share share/x" {
		t.Errorf("in memory: got %s, %v, %s", got, err, out)
	}
}

// TestAsUser: who may not make a sandbox is told how to do without.
func TestAsUser(t *testing.T) {
	if os.Getenv("MOSS_TEST_USER") != "" {
		_, err := trigger.Sandbox{Usr: "/usr"}.Run(t.Context(), shell("true"), &trigger.Output{})
		var sandbox *trigger.SandboxError
		if !errors.As(err, &sandbox) || !strings.Contains(sandbox.Hint(), "--no-triggers") {
			t.Errorf("got %v", err)
		}
		return
	}
	need.Root(t, "becoming another user")
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestAsUser$")
	cmd.Env, cmd.Dir = append(os.Environ(), "MOSS_TEST_USER=yes"), "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// BenchmarkSandbox is what one trigger costs before it does anything.
func BenchmarkSandbox(b *testing.B) {
	box := newBox(b)
	for b.Loop() {
		if _, _, err := box.runContext(b.Context(), shell(":")); err != nil {
			b.Fatal(err)
		}
	}
}
