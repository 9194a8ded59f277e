package store_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"moss/internal/testutil"
	"moss/store"
	"moss/store/state"
	"moss/store/tree"
)

const (
	manyFiles    = 250_000
	fewerContent = 50_000 // different ones; the rest are further names
)

// bulk is a package of manyFiles paths in folders of 60, as distributions have.
func bulk(version string, changed int) testutil.Stone {
	s := testutil.Stone{Name: "bulk", Version: version, Files: testutil.Tree{}}
	for i := range manyFiles {
		body := fmt.Sprint("content ", i%fewerContent)
		if i < changed {
			body += " of version " + version
		}
		s.Files[fmt.Sprintf("share/part-%d/d%05d/file-%d", i%7, i/60, i)] = body
	}
	return s
}

// BenchmarkState250k makes states of 250,000 files, with cp -al of the same tree,
// rm -rf and find beside it: what the file system takes for the links alone.
// TMPDIR chooses the file system.
func BenchmarkState250k(b *testing.B) {
	m := newMachine(b)
	first := m.make(request{add: m.unpack(bulk("1", 0))})
	m.activate(first)
	second := m.make(request{add: m.unpack(bulk("2", 100))})
	choice, usr, copied := m.choose(request{}), m.s.Usr(first), filepath.Join(m.root, "copy")
	planned, err := m.s.Plan(choice, nil)
	m.must(err)
	var stage *store.Stage
	var spare state.ID
	drop := func() { m.must(stage.Drop()) }
	for name, c := range map[string]struct{ before, work, after func() }{
		"plan":         {work: func() { _, err := m.s.Plan(choice, nil); m.must(err) }},
		"manifest":     {work: func() { _, err := m.s.Manifest(first); m.must(err) }},
		"diff":         {work: func() { m.compare(first, second) }},
		"stage":        {work: func() { stage, err = m.s.Stage(b.Context(), planned, nil); m.must(err) }, after: drop},
		"seal":         {before: func() { stage, err = m.s.Stage(b.Context(), planned, nil); m.must(err) }, work: func() { m.seal(stage) }},
		"remove":       {before: func() { spare = m.make(request{}) }, work: func() { _, err := m.s.Remove(spare); m.must(err) }},
		"peer-cp-al":   {work: func() { m.program("cp", "-al", usr, copied) }, after: func() { m.must(os.RemoveAll(copied)) }},
		"peer-rm-rf":   {before: func() { m.program("cp", "-al", usr, copied) }, work: func() { m.program("rm", "-rf", copied) }},
		"peer-find-ls": {work: func() { m.program("find", usr, "-type", "f", "-printf", "%s %m %U\\n") }},
	} {
		b.Run(name, func(b *testing.B) { metered(b, c.before, c.work, c.after) })
	}
}

// metered times work alone, and reports the processor time of it and of the
// programs it starts, which other users of the machine disturb less, and what it
// allocates.
func metered(b *testing.B, before, work, after func()) {
	var cpu time.Duration
	var allocated uint64
	for b.Loop() {
		b.StopTimer()
		call(before)
		c, a := consumed()
		b.StartTimer()
		work()
		b.StopTimer()
		c2, a2 := consumed()
		cpu, allocated = cpu+c2-c, allocated+a2-a
		call(after)
		b.StartTimer()
	}
	b.ReportMetric(float64(cpu.Milliseconds())/float64(b.N), "cpu-ms/op")
	b.ReportMetric(float64(allocated)/1e6/float64(b.N), "MB/op")
}

func call(work func()) {
	if work != nil {
		work()
	}
}

// consumed is the processor time of this process and its children, and the bytes
// it ever allocated.
func consumed() (cpu time.Duration, bytes uint64) {
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var use unix.Rusage
		if unix.Getrusage(who, &use) == nil {
			cpu += time.Duration(use.Utime.Nano() + use.Stime.Nano())
		}
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return cpu, memory.TotalAlloc
}

func (m *machine) seal(stage *store.Stage) {
	_, err := stage.Seal(state.State{Summary: "test", Selections: m.choose(request{}).Selections()})
	m.must(err)
}

func (m *machine) compare(from, to state.ID) {
	a, err := m.s.Manifest(from)
	m.must(err)
	z, err := m.s.Manifest(to)
	m.must(err)
	if d := tree.Compare(a, z); len(d.Changed) != 100 || len(d.Added)+len(d.Removed) != 0 {
		m.t.Errorf("%d changed, want 100", len(d.Changed))
	}
}

func (m *machine) program(name string, args ...string) {
	if err := exec.CommandContext(m.t.Context(), name, args...).Run(); err != nil {
		m.t.Fatalf("%s: %v", name, err)
	}
}
