package usrmerge_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"moss/internal/testutil"
	"moss/internal/testutil/need"
	"moss/usrmerge"
)

// system makes an un-merged root of this machine's dynamic programs: /bin/sh with
// its libraries in /lib and its loader in /lib64, as they were before any merge.
func system(t *testing.T, dir string, programs ...string) {
	t.Helper()
	for _, name := range append([]string{"sh", "true"}, programs...) {
		from := need.Program(t, name)
		bring(t, from, filepath.Join(dir, home(name), name))
		out, _ := exec.Command("ldd", from).Output() // fails for static programs
		for _, found := range regexp.MustCompile(`(/lib\S+) \(0x`).FindAllStringSubmatch(string(out), -1) {
			bring(t, found[1], filepath.Join(dir, found[1]))
		}
	}
	plant(t, dir, `sbin/; sbin/init -> ../bin/true; usr/bin/other O; usr/lib/other O; etc/x X; tmp/; proc/; dev/null char 1:3 mode=0666`)
}

// home is the folder that a program was in before any merge.
func home(name string) string {
	if name == "ldconfig" || name == "modprobe" || name == "depmod" {
		return "sbin"
	}
	return "bin"
}

func bring(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err = errors.Join(err, os.MkdirAll(filepath.Dir(to), 0o755)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		t.Fatal(err)
	}
}

// inRoot is a command that runs with dir as its root.
func inRoot(dir, program string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/bin:/sbin"}
	cmd.SysProcAttr = &unix.SysProcAttr{Chroot: dir}
	return cmd
}

// life is what goes on in a root while it is merged.
type life struct {
	stop  chan struct{}
	ended chan error
	turns atomic.Int64
	turn  chan struct{} // one is sent for each turn that somebody waits for
}

// live does something in a loop until it fails or is stopped.
func live(do func() error) *life {
	l := &life{stop: make(chan struct{}), ended: make(chan error, 1), turn: make(chan struct{})}
	go func() {
		for {
			if err := do(); err != nil {
				l.ended <- err
				close(l.turn)
				return
			}
			l.turns.Add(1)
			select {
			case <-l.stop:
				l.ended <- nil
				return
			case l.turn <- struct{}{}:
			default:
			}
		}
	}()
	return l
}

// wait waits for two ends of turns, so for a whole turn that began after now.
func (l *life) wait() {
	<-l.turn
	<-l.turn
}

func (l *life) end(t *testing.T, what string) {
	t.Helper()
	close(l.stop)
	if err := <-l.ended; err != nil {
		t.Errorf("%s failed after %d turns: %v", what, l.turns.Load(), err)
	}
	t.Logf("%s: %d turns", what, l.turns.Load())
}

// shell runs /bin/sh, which runs /bin/true: both dynamic.
func shell(dir string) func() error {
	return func() error {
		if out, err := inRoot(dir, "/bin/sh", "-c", "/bin/true && /sbin/init").CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	}
}

// eyes looks at every path over and over, which is much faster than a shell.
func eyes(v *view, before picture) func() error {
	return func() error {
		for path, b := range before {
			fd, err := v.open(path, 0)
			if err != nil && b.err == nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			_ = unix.Close(fd)
		}
		return nil
	}
}

// wantAlive merges a root while a shell is started in it in a loop and all paths are
// looked at. At each phase the merge waits until both have had a whole turn.
func wantAlive(t *testing.T, dir string) {
	t.Helper()
	before := take(t, dir)
	v := openView(t, dir)
	defer v.close()
	if err := shell(dir)(); err != nil {
		t.Fatalf("before the merge: %v", err)
	}
	shells, looks := live(shell(dir)), live(eyes(v, before))
	result, err := usrmerge.Run(t.Context(), usrmerge.Options{Root: dir, Progress: func(usrmerge.Progress) {
		shells.wait()
		looks.wait()
	}})
	if err != nil || !result.Merged {
		t.Errorf("got %+v, %v", result, err)
	}
	shells.end(t, "a loop of /bin/sh -c /bin/true")
	looks.end(t, "a loop over all paths")
	before.wantMerged(t, dir, nil)
	if err := shell(dir)(); err != nil {
		t.Errorf("after the merge: %v", err)
	}
}

// TestShellWorksAtEveryMoment: a process that starts /bin/sh -c /bin/true in a loop
// during a whole merge never fails once.
func TestShellWorksAtEveryMoment(t *testing.T) {
	t.Run("usr has the folders", func(t *testing.T) {
		dir := inMemory(t)
		system(t, dir)
		wantAlive(t, dir)
	})
	if testing.Short() {
		return // the others differ in shape
	}
	t.Run("usr lacks them", func(t *testing.T) {
		dir := inMemory(t)
		system(t, dir)
		if err := os.RemoveAll(filepath.Join(dir, "usr")); err != nil {
			t.Fatal(err)
		}
		plant(t, dir, "usr/")
		wantAlive(t, dir)
	})
	t.Run("lib64 leads to lib", func(t *testing.T) {
		dir := inMemory(t)
		plant(t, dir, `lib64 -> lib; lib/`)
		system(t, dir)
		wantAlive(t, dir)
	})
	t.Run("lib leads to lib64", func(t *testing.T) {
		dir := inMemory(t)
		plant(t, dir, `lib -> lib64; lib64/; usr/lib64/q Q`)
		system(t, dir)
		wantAlive(t, dir)
	})
}

// TestShellWorksDuringACopy: the same with /usr on another device.
func TestShellWorksDuringACopy(t *testing.T) {
	if !testutil.Privately(t) {
		return
	}
	dir := smallUsr(t, "size=64m")
	system(t, dir)
	wantAlive(t, dir)
}

// TestShellWorksThroughManyMerges: a hundred times, at full speed.
func TestShellWorksThroughManyMerges(t *testing.T) {
	if testing.Short() {
		t.Skip("merges a hundred times")
	}
	dir := inMemory(t)
	system(t, dir)
	v := openView(t, dir)
	defer v.close()
	looks := live(eyes(v, take(t, dir)))
	shells := live(shell(dir))
	for n := range 100 {
		if result := merge(t, dir); !result.Merged {
			t.Fatalf("merge %d: got %+v", n, result.Plan)
		}
		unmergeAlive(t, dir)
	}
	looks.end(t, "a loop over all paths")
	shells.end(t, "a loop of /bin/sh")
}

// unmergeAlive makes folders of the top symlinks again with no moment without them.
func unmergeAlive(t *testing.T, dir string) {
	t.Helper()
	for _, name := range []string{"bin", "sbin", "lib", "lib64"} {
		old, fresh := filepath.Join(dir, name), filepath.Join(dir, "fresh-"+name)
		testutil.Run(t, "cp", "-al", filepath.Join(dir, "usr", name), fresh)
		err := unix.Renameat2(unix.AT_FDCWD, fresh, unix.AT_FDCWD, old, unix.RENAME_EXCHANGE)
		if err = errors.Join(err, os.Remove(fresh)); err != nil {
			t.Fatal(err)
		}
	}
}
