package usrmerge_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"moss/usrmerge"
)

// phases are those of an undisturbed run, as Progress names them.
func phases(t *testing.T, e example) (names []string) {
	t.Helper()
	dir := filepath.Join(inMemory(t), "phases")
	plant(t, dir, e.tree)
	_, err := usrmerge.Run(t.Context(), usrmerge.Options{Root: dir, Progress: func(p usrmerge.Progress) {
		if !slices.Contains(names, p.Phase) {
			names = append(names, p.Phase)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"link", "verify", "exchange", "check", "remove"} {
		if !slices.Contains(names, name) {
			t.Fatalf("got phases %q, want %s among them", names, name)
		}
	}
	return names
}

// TestKilledAtEveryPhase: SIGKILL as each phase begins, then a second run.
func TestKilledAtEveryPhase(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	e := everything(true)
	want := undisturbed(t, e)
	for _, phase := range phases(t, e) {
		t.Run(phase, func(t *testing.T) {
			dir := inMemory(t)
			plant(t, dir, e.tree)
			before := take(t, dir)
			c := startChild(t, dir, childWait+"=1")
			for now, _ := c.next(); now != phase; now, _ = c.next() {
				if now == "" {
					t.Fatal("the child ended before that phase")
				}
				c.goOn()
			}
			c.kill()
			wantContinued(t, e, dir, before, want)
		})
	}
}

// wantContinued: after a run that was cut off everything works, and another run
// ends in the tree of one that nothing disturbed.
func wantContinued(t *testing.T, e example, dir string, before, want picture) {
	t.Helper()
	before.wantWorking(t, dir, e.gaveWay())
	if result := merge(t, dir); !result.Merged {
		t.Fatalf("second run: got %+v", result.Plan.Refusals)
	}
	before.wantMerged(t, dir, e.gaveWay())
	before.wantOrphans(t, dir, strings.Fields(e.orphans))
	want.wantSameTree(t, dir)
}

// large adds folders full of files on both sides, so that a merge takes a while.
func large(e example, files int) example {
	tree := new(strings.Builder)
	for n := range files {
		fmt.Fprintf(tree, "lib/many%d/f%d F%d; usr/lib/many%d/g%d G\n", n%40, n, n, n%40, n)
	}
	e.tree += tree.String()
	return e
}

// TestKilledAtRandom: a hundred merges are killed at moments that nobody chose, some
// of them one after the other on the same root.
func TestKilledAtRandom(t *testing.T) {
	kills := 100
	if testing.Short() {
		t.Skip("starts processes")
	}
	e := large(everything(true), 40)
	want := undisturbed(t, e)
	random := rand.New(rand.NewPCG(6, 100)) // the moments differ all the same
	usual := usualTime(t, e)
	for root := 0; kills > 0; root++ {
		dir := filepath.Join(inMemory(t), fmt.Sprint(root))
		plant(t, dir, e.tree)
		before := take(t, dir)
		for killed := true; killed && kills > 0 && random.IntN(10) > 0; {
			if killed = killAfter(t, dir, time.Duration(random.Float64()*float64(usual)/float64(1+random.IntN(2)))); killed {
				kills--
				usual += usual / 32
			} else {
				usual -= usual / 8 // one in five or so is to end before its kill, whatever else the machine does
			}
			before.wantWorking(t, dir, e.gaveWay())
		}
		wantContinued(t, e, dir, before, want)
		if t.Failed() {
			t.Fatalf("root %d", root)
		}
	}
}

// usualTime is how long a child's merge takes from its first phase on.
func usualTime(t *testing.T, e example) time.Duration {
	t.Helper()
	dir := inMemory(t)
	plant(t, dir, e.tree)
	c := startChild(t, dir, childWait+"=1")
	c.next()
	begin := time.Now()
	c.goOn()
	if last := c.wait(t); last != "merged true" {
		t.Fatalf("got %q, want merged", last)
	}
	return time.Since(begin)
}

// killAfter kills a child some time after its merge began, unless that has ended by
// then.
func killAfter(t *testing.T, dir string, delay time.Duration) (killed bool) {
	t.Helper()
	c := startChild(t, dir, childWait+"=1")
	defer c.kill()
	timer := time.AfterFunc(1<<40, func() { _ = c.cmd.Process.Kill() })
	defer timer.Stop()
	phase, said := c.next()
	for timer.Reset(delay); phase != ""; phase, said = c.next() {
		c.goOn()
	}
	return said == ""
}

// TestTerminatedAtEveryPhase: SIGTERM before the first exchange stops the merge with
// everything as it was to every eye; from then on it goes on to its end.
func TestTerminatedAtEveryPhase(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	e := everything(true)
	want := undisturbed(t, e)
	names := phases(t, e)
	exchange := slices.Index(names, "exchange")
	for n, phase := range names {
		for _, sig := range []unix.Signal{unix.SIGTERM, unix.SIGINT} {
			t.Run(phase+" "+unix.SignalName(sig), func(t *testing.T) {
				dir := inMemory(t)
				plant(t, dir, e.tree)
				before := take(t, dir)
				c := startChild(t, dir, childWait+"=1")
				for now, _ := c.next(); now != phase && now != ""; now, _ = c.next() {
					c.goOn()
				}
				c.signal(t, sig)
				last := c.wait(t)
				switch {
				case n < exchange && (!strings.Contains(last, "context canceled") || before["bin"].own.kind != kindNow(t, dir, "bin")):
					t.Errorf("got %q, want it to stop before the exchange", last)
				case n > exchange && last != "merged true":
					t.Errorf("got %q, want it to go on to its end", last)
				}
				wantContinued(t, e, dir, before, want)
			})
		}
	}
}

func kindNow(t *testing.T, dir, path string) byte {
	t.Helper()
	v := openView(t, dir)
	defer v.close()
	return mustLook(t, v, path).own.kind
}
