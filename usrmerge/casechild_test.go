package usrmerge_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"moss/usrmerge"
)

const (
	childRoot = "MOSS_TEST_MERGE_ROOT" // what a child merges
	childWait = "MOSS_TEST_MERGE_WAIT" // set: it asks before each phase
)

// TestMergeInChild is what child starts: a merge in a process that may be killed.
// On its own it has nothing to do.
func TestMergeInChild(t *testing.T) {
	dir := os.Getenv(childRoot)
	if dir == "" {
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM, unix.SIGINT)
	defer stop()
	answers := bufio.NewReader(os.Stdin)
	result, err := usrmerge.Run(ctx, usrmerge.Options{Root: dir, Progress: func(p usrmerge.Progress) {
		if os.Getenv(childWait) == "" {
			return
		}
		fmt.Printf("phase %s\n", p.Phase)
		answer, err := answers.ReadString('\n')
		if err != nil {
			os.Exit(3) // the parent is gone
		}
		if answer == "signal\n" { // it is on its way
			<-ctx.Done()
		}
	}})
	if err != nil {
		fmt.Printf("error %v\n", err)
		os.Exit(1)
	}
	fmt.Printf("merged %v\n", result.Merged)
	os.Exit(0)
}

// child is a process that merges a root.
type child struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner
	in    io.WriteCloser
}

func startChild(t testing.TB, dir string, env ...string) *child {
	t.Helper()
	c := &child{cmd: exec.Command(os.Args[0], "-test.run=^TestMergeInChild$")}
	c.cmd.Env = append(append(os.Environ(), "MOSS_FAULT=", childRoot+"="+dir), env...)
	c.cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
	out, err := c.cmd.StdoutPipe()
	if err == nil {
		c.in, err = c.cmd.StdinPipe()
	}
	if err == nil {
		err = c.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	c.lines = bufio.NewScanner(out)
	return c
}

// next is the phase that a child is about to begin, "" when it has ended; then said
// is its last line.
func (c *child) next() (phase, said string) {
	for c.lines.Scan() {
		said = c.lines.Text()
		if phase, ok := strings.CutPrefix(said, "phase "); ok {
			return phase, said
		}
	}
	return "", said
}

func (c *child) goOn() { _, _ = io.WriteString(c.in, "\n") } // it may have been killed

// signal sends a signal that has come before the phase begins.
func (c *child) signal(t testing.TB, sig os.Signal) {
	t.Helper()
	_, err := io.WriteString(c.in, "signal\n")
	if err = errors.Join(err, c.cmd.Process.Signal(sig)); err != nil {
		t.Fatal(err)
	}
}

// kill ends the child at once and waits until it is gone.
func (c *child) kill() {
	_ = c.cmd.Process.Kill() // it may have ended
	_ = c.cmd.Wait()
}

// wait lets a child run to its end and gives its last line.
func (c *child) wait(t testing.TB) string {
	t.Helper()
	last := ""
	for c.lines.Scan() {
		last = c.lines.Text()
		if strings.HasPrefix(last, "phase ") {
			c.goOn()
		}
	}
	_ = c.cmd.Wait() // how it ended is in its last line
	return last
}

// undisturbed is a root of everything, merged in one go, as a picture.
func undisturbed(t *testing.T, e example) picture {
	t.Helper()
	dir := filepath.Join(inMemory(t), "undisturbed")
	plant(t, dir, "usr/")
	plant(t, dir, e.tree)
	before := take(t, dir)
	if result := merge(t, dir); !result.Merged {
		t.Fatalf("got %+v", result.Plan.Refusals)
	}
	before.wantMerged(t, dir, e.gaveWay())
	return take(t, dir)
}

// wantSameTree: both roots have the same paths, and each is the same in both, as
// far as two trees can be the same.
func (want picture) wantSameTree(t failer, dir string) {
	t.Helper()
	got := take(t, dir)
	twins := map[where]where{}
	for path, w := range want {
		g, ok := got[path]
		switch {
		case !ok:
			t.Errorf("%q is missing, an undisturbed run has %v", path, w.own)
		case !g.own.same(w.own) || g.real != w.real:
			t.Errorf("%q: got %v (%q), an undisturbed run has %v (%q)", path, g.own, g.real, w.own, w.real)
		}
		if first, seen := twins[w.at]; seen && ok && first != g.at {
			t.Errorf("%q: not the hard link that it is after an undisturbed run", path)
		}
		twins[w.at] = g.at
	}
	for path, g := range got {
		if _, ok := want[path]; !ok {
			t.Errorf("%q: got %v, an undisturbed run has nothing there", path, g.own)
		}
	}
}
