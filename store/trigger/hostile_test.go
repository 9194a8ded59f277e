package trigger_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"moss/internal/mount"
	"moss/internal/testutil"
	"moss/internal/testutil/need"
	"moss/store/trigger"
)

// TestHostileShellIsStopped: each script must fail inside and change nothing
// outside; what it says tells which wall it met.
func TestHostileShellIsStopped(t *testing.T) {
	b := newBox(t)
	b.write("etc/passwd", "root")
	var script strings.Builder
	for name, one := range map[string]struct{ script, want string }{
		"write to /etc":            {"echo x >/etc/passwd", "Read-only file system"},
		"new file in /etc":         {"echo x >/etc/new", "Read-only file system"},
		"mode of /etc":             {"chmod 777 /etc", "Read-only file system"},
		"write to the root":        {"echo x >/new", "Read-only file system"},
		"upwards":                  {"echo x >/usr/../../../../tmpfile", "Read-only file system"},
		"sysrq":                    {"echo b >/proc/sysrq-trigger", "cannot create /proc/sysrq-trigger"},
		"sysctl":                   {"echo x >/proc/sys/kernel/hostname", "Read-only file system"},
		"core pattern":             {"echo x >/proc/sys/kernel/core_pattern", "Read-only file system"},
		"mode of a device":         {"chmod 600 /dev/null", "Read-only file system"},
		"owner of a device":        {"chown 1:1 /dev/null", "Read-only file system"},
		"make a disk":              {"mknod /tmp/disk b 8 0", "Operation not permitted"},
		"make a disk in /usr":      {"mknod /usr/disk b 8 0", "Operation not permitted"},
		"make a whiteout":          {"mknod /usr/white c 0 0", "Operation not permitted"},
		"mount":                    {"mount -t tmpfs none /tmp", "permi"},
		"make /etc writable":       {"mount -o remount,rw,bind /etc", "permi"},
		"namespace of its own":     {"unshare -U true", "Operation not permitted"},
		"mount in its own":         {"unshare -m true", "Operation not permitted"},
		"host name":                {"hostname evil", "you must be root"},
		"first process's root":     {"ls /proc/1/root/", "Permission denied"},
		"first process's answer":   {"echo done >/proc/1/fd/3", "Permission denied"},
		"first process's memory":   {"head -c1 /proc/1/mem", "Permission denied"},
		"no sys, no disks, no run": {"ls /sys /dev/sda /dev/vda /run/systemd /dev/pts", "No such file"},
	} {
		name, want := strings.ReplaceAll(name, "'", ""), one.want
		script.WriteString("( " + one.script + " ) >/tmp/said 2>&1 && echo 'IT WORKED: " + name + "'\n")
		script.WriteString("case \"$(cat /tmp/said)\" in *\"" + want + "\"*) ;; *) echo '" + name + ": got' $(cat /tmp/said); esac\n")
	}
	_, out, err := b.run(shell(script.String()))
	if err != nil || out != "" {
		t.Errorf("got %v, %s", err, out)
	}
	if got := testutil.List(t, b.Etc); len(got) != 1 {
		t.Errorf("/etc holds %q", got)
	}
}

// hostile is what TestHostileProgramIsStopped runs inside. It exits 0 when its
// attack worked.
func hostile(attack string) {
	if err := attacks()[attack](); err != nil {
		fmt.Println("stopped:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func attacks() map[string]func() error {
	call := func(number uintptr, args ...uintptr) func() error {
		return func() error {
			args = append(args, 0, 0, 0, 0, 0, 0)
			if _, _, err := unix.RawSyscall6(number, args[0], args[1], args[2], args[3], args[4], args[5]); err != 0 {
				return err
			}
			return nil
		}
	}
	return map[string]func() error{
		"ptrace process 1": func() error { runtime.LockOSThread(); return unix.PtraceAttach(1) },
		"ptrace a child": func() error {
			cmd := exec.Command("/bin/sleep", "100")
			return errors.Join(cmd.Start(), unix.PtraceAttach(cmd.Process.Pid))
		},
		"network":            func() error { _, err := net.DialTimeout("tcp", "1.1.1.1:53", time.Second); return err },
		"loopback":           func() error { _, err := net.DialTimeout("udp", "127.0.0.1:53", time.Second); return err },
		"abstract socket":    func() error { _, err := net.Dial("unix", "@moss-test"); return err },
		"clone user space":   call(unix.SYS_CLONE, unix.CLONE_NEWUSER|uintptr(unix.SIGCHLD)),
		"clone3":             call(unix.SYS_CLONE3),
		"bpf":                call(unix.SYS_BPF),
		"io_uring":           call(unix.SYS_IO_URING_SETUP),
		"keyring":            call(unix.SYS_ADD_KEY),
		"reboot":             call(unix.SYS_REBOOT),
		"open by handle":     call(unix.SYS_OPEN_BY_HANDLE_AT),
		"set the clock":      func() error { return unix.Settimeofday(&unix.Timeval{Sec: 1}) },
		"terminal":           func() error { _, err := os.Open("/dev/tty"); return err },
		"chroot":             func() error { return unix.Chroot("/usr") },
		"trusted attributes": func() error { return unix.Setxattr("/usr/bin", "trusted.overlay.opaque", []byte("y"), 0) },
		"old 32 bit calls":   call(0x40000000 + 1),
		"capabilities again": func() error {
			head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
			data := [2]unix.CapUserData{{Effective: ^uint32(0), Permitted: ^uint32(0)}}
			return unix.Capset(&head, &data[0])
		},
		"lower the oom score": func() error { return os.WriteFile("/proc/self/oom_score_adj", []byte("-1000"), 0) },
	}
}

func TestHostileProgramIsStopped(t *testing.T) {
	b := newBox(t)
	b.bring("/proc/self/exe", "usr/bin/hostile")
	var script strings.Builder
	for attack := range attacks() {
		fmt.Fprintf(&script, "/usr/bin/hostile -hostile '%s' && echo 'IT WORKED: %s'\n", attack, attack)
	}
	_, out, err := b.run(shell(script.String() + "exit 0"))
	if err != nil || strings.Contains(out, "IT WORKED") || strings.Count(out, "stopped: ") != len(attacks()) {
		t.Errorf("got %v, %s", err, out)
	}
}

// TestSharedFilesStay: what the tree links to is shared with other states.
// Nothing done to a path may reach the file behind it.
func TestSharedFilesStay(t *testing.T) {
	b := newBox(t)
	asset := b.write("asset", "content")
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		if err := os.Link(asset, filepath.Join(b.Usr, "share", name)); err != nil {
			t.Fatal(err)
		}
	}
	before := testutil.List(t, b.dir)
	b.must(`cd /usr/share; echo x >>a; chmod 4777 b; chown 1:1 c; touch -d 2001-01-01 d; rm e; rm -rf /usr/share /usr/lib`)
	if _, out, err := b.run(shell("rm -rf /usr/* 2>/dev/null; echo still here")); err != nil {
		t.Errorf("got %v, %q", err, out)
	}
	var st unix.Stat_t
	if err := unix.Stat(asset, &st); err != nil || st.Uid != 0 || st.Nlink != 6 || st.Mtim.Sec < 1_600_000_000 {
		t.Errorf("the asset changed: %+v, %v", st, err)
	}
	if after := testutil.List(t, b.dir); strings.Join(before, "\n") != strings.Join(after, "\n") {
		t.Errorf("before %q\nafter %q", before, after)
	}
}

// TestForkBombEnds with the trigger, and is counted while it goes on.
func TestForkBombEnds(t *testing.T) {
	b := newBox(t)
	b.Processes, b.Limit = 100, 30*time.Second
	before, err := os.ReadFile("/proc/sys/kernel/pid_max")
	if err != nil {
		t.Fatal(err)
	}
	_, out, err := b.run(shell(`bomb() { bomb | bomb & }; bomb; sleep 100`))
	var failed *trigger.Error
	if !errors.As(err, &failed) {
		t.Errorf("got %v, %.200q, want an Error", err, out)
	}
	after, err := os.ReadFile("/proc/sys/kernel/pid_max")
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("pid_max of the machine went from %s to %s, %v", before, after, err)
	}
}

// TestNothingStaysBehind: daemons end with the trigger, and no mount is ever
// seen outside.
func TestNothingStaysBehind(t *testing.T) {
	b := newBox(t)
	mark := fmt.Sprintf("9%d", os.Getpid())
	b.Limit = 20 * time.Second
	b.must("(setsid sleep " + mark + " &) ; sleep " + mark + " &")
	b.must("kill -9 -1; kill -9 1; kill -TERM 1; kill -STOP 1; echo alive")
	if out, err := exec.Command("pgrep", "-f", "sleep "+mark).Output(); err == nil {
		t.Errorf("these still run: %s", out)
	}
	points, err := mount.Self()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range points {
		if strings.HasPrefix(p.Path, b.dir) {
			t.Errorf("%s is mounted", p.Path)
		}
	}
}

// TestEndsWithItsParent kills the process that called Run while a trigger
// sleeps: the sandbox must not outlive it.
func TestEndsWithItsParent(t *testing.T) {
	if os.Getenv("MOSS_TEST_PARENT") != "" {
		b := newBox(t)
		_, _, err := b.run(shell("echo >/usr/begun; exec sleep " + os.Getenv("MOSS_TEST_PARENT")))
		t.Fatal("it came back", err)
	}
	need.Root(t, "the sandbox")
	mark := fmt.Sprintf("8%d", os.Getpid())
	dir := t.TempDir()
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestEndsWithItsParent$")
	cmd.Env = append(os.Environ(), "MOSS_TEST_PARENT="+mark, "TMPDIR="+dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	waitFor(t, func() bool { return len(processes("sleep", mark)) == 1 })
	pid := processes("sleep", mark)[0]
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pidfd)
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, 10_000)
	if n != 1 || err != nil {
		t.Errorf("10 s after its parent died the trigger still runs: %d, %v", n, err)
	}
}

// processes lists those whose command line is exactly words.
func processes(words ...string) (pids []int) {
	found, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, name := range found {
		text, _ := os.ReadFile(name)
		var pid int
		if string(text) == strings.Join(words, "\x00")+"\x00" {
			fmt.Sscanf(name, "/proc/%d/", &pid)
			pids = append(pids, pid)
		}
	}
	return pids
}

func waitFor(t *testing.T, happened func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !happened(); {
		if time.Now().After(deadline) {
			t.Fatal("it did not happen within 20 s")
		}
		runtime.Gosched()
	}
}

// TestUnfitOutputsAreRefused names the path of what a state cannot hold.
func TestUnfitOutputsAreRefused(t *testing.T) {
	b := newBox(t)
	b.bring("/proc/self/exe", "usr/bin/hostile")
	for script, want := range map[string]string{
		"mkfifo /usr/share/pipe":               `a fifo at "/usr/share/pipe"`,
		"echo 7 >/usr/.stateID":                `"/usr/.stateID"`,
		"touch \"/usr/share/a\nb\"":            `a newline at "/usr/share/a\nb"`,
		"mkdir -p /usr/a/b; mkfifo /usr/a/b/c": `a fifo at "/usr/a/b/c"`,
	} {
		_, _, err := b.run(shell(script))
		var failed *trigger.Error
		if !errors.As(err, &failed) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", script, err, want)
		}
	}
}

// TestLinksInTheUpperLayerAreNotFollowed: a folder of the tree becomes a link to
// somewhere else; what is read back is the link.
func TestLinksInTheUpperLayerAreNotFollowed(t *testing.T) {
	b := newBox(t)
	b.write("usr/share/folder/file", "x")
	b.write("etc/secret", "host")
	changes, _ := b.must("cd /usr/share; rm -r folder; ln -s /etc folder; ln -s ../../../../../../etc/passwd up; ln -s /etc/secret file")
	for _, c := range changes {
		if strings.HasPrefix(c.Path, "share/") && !c.IsSymlink() {
			t.Errorf("%s is no link: %+v", c.Path, c)
		}
	}
	if len(changes) != 4 {
		t.Errorf("got %q", paths(changes))
	}
}

// TestOnlyRunStartsASandbox: by hand it would change the root of the caller's
// own mounts.
func TestOnlyRunStartsASandbox(t *testing.T) {
	out, err := exec.Command("/proc/self/exe", "-moss-trigger-sandbox").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "is for moss itself") {
		t.Errorf("got %v, %q", err, out)
	}
}
