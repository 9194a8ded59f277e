// Package progress shows how far long work has come: bars on a terminal, one
// JSON object a line for programs, plain lines for logs, or nothing. It takes
// names and numbers and knows nothing of what they stand for.
package progress

import (
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// Units of a task. Only tasks of Bytes count for the total.
const (
	Bytes = "bytes"
	Files = "files"
	steps = "steps"
)

// Modes lists what New and the flag --progress take.
func Modes() []string { return []string{"auto", "plain", "json", "none"} }

// Check says whether mode is one of Modes.
func Check(mode string) error {
	if slices.Contains(Modes(), mode) {
		return nil
	}
	return fmt.Errorf("progress %q: want one of %s", mode, strings.Join(Modes(), ", "))
}

// display is a way to show tasks. Its methods are called from several
// goroutines, never with a lock of ours held.
type display interface {
	begin(t *Task, s snapshot)
	change(t *Task, s snapshot)
	retry(t *Task, s snapshot, why error)
	done(t *Task, s snapshot, err error)
	pause() (resume func())
	io.Writer
	close()
}

// Bars are all tasks of a command. A nil *Bars, and the nil *Task that it
// gives, take every call and show nothing.
type Bars struct {
	show   display
	mu     sync.Mutex
	tasks  []*Task // running
	number int     // of the next task
	total  *Task   // of a batch, nil before Expect
	step   *Task   // the step under way, nil before the first
	closed bool
}

// New shows progress on w. Mode auto is bars if w is a terminal, and nothing
// if not; plain is bars on a terminal and lines elsewhere; json is events,
// wherever they go; none is nothing. Quiet takes all but json away, which
// nobody gets without asking for it.
func New(w io.Writer, mode string, quiet bool) *Bars {
	b := &Bars{show: silent{w}}
	file, terminal := w.(*os.File)
	terminal = terminal && term.IsTerminal(int(file.Fd())) && os.Getenv("TERM") != "dumb"
	switch {
	case mode == "json":
		b.show = &events{w: w}
	case quiet || mode == "none":
	case terminal:
		b.show = &screen{file: file}
	case mode == "plain":
		b.show = &lines{w: w}
	}
	return b
}

// silent shows nothing, and lets other lines through.
type silent struct{ io.Writer }

func (silent) begin(*Task, snapshot)        {}
func (silent) change(*Task, snapshot)       {}
func (silent) retry(*Task, snapshot, error) {}
func (silent) done(*Task, snapshot, error)  {}
func (silent) pause() func()                { return func() {} }
func (silent) close()                       {}

// Write prints whole lines of something else, above the bars where there are
// any. What goes to the same terminal while bars are up must come this way.
func (b *Bars) Write(p []byte) (int, error) {
	if b == nil {
		return len(p), nil
	}
	return b.show.Write(p)
}

// Begin shows a task: total of it in all, 0 when nobody knows yet; unit is
// Bytes or Files. The task must end with Done.
func (b *Bars) Begin(name string, total int64, unit string) *Task {
	if b == nil {
		return nil
	}
	t := &Task{bars: b, name: name}
	t.meter.begin(time.Now(), total, unit)
	if !b.enter(t) {
		return nil
	}
	b.show.begin(t, t.look())
	return t
}

// enter takes a new task in, unless all is over.
func (b *Bars) enter(t *Task) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	switch t.meter.unit {
	case Bytes:
		t.total = b.total
	case steps:
		b.step, t.number = t, math.MinInt32
	}
	if t.meter.unit != steps {
		b.number++
		t.number = b.number
	}
	b.tasks = append(b.tasks, t)
	return true
}

// Step says that work of several steps has come to the one called name, which
// is number of of, counted from 1; the one before is done by that. How the last
// one ends is not said: nobody but the command knows.
func (b *Bars) Step(name string, number, of int) {
	if b == nil {
		return
	}
	b.mu.Lock()
	before := b.step
	b.mu.Unlock()
	before.Done(nil)
	t := &Task{bars: b, name: name}
	t.meter.begin(time.Now(), int64(of), steps)
	t.meter.jump(time.Now(), int64(number))
	if b.enter(t) {
		b.show.begin(t, t.look())
	}
}

// Pause takes the bars off the terminal, for a question to be asked there, and
// returns how to bring them back.
func (b *Bars) Pause() (resume func()) {
	if b == nil {
		return func() {}
	}
	return b.show.pause()
}

// Expect announces that so many tasks of bytes follow, with so many bytes in
// all, and shows their total from now on. Another batch adds to the first.
func (b *Bars) Expect(tasks int, bytes int64) {
	if b == nil || b.closedNow() {
		return
	}
	b.mu.Lock()
	first := b.total == nil
	if first {
		b.total = &Task{bars: b, name: "total", number: math.MaxInt32}
		b.total.meter.begin(time.Now(), 0, Bytes)
	}
	t := b.total
	b.mu.Unlock()
	t.mu.Lock()
	t.meter.total += bytes
	t.expected += tasks
	t.mu.Unlock()
	if first {
		b.show.begin(t, t.look())
	} else {
		b.show.change(t, t.look())
	}
}

func (b *Bars) closedNow() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed
}

// Wait ends the display: what still runs is taken away, the total is said.
// Later calls do nothing.
func (b *Bars) Wait() {
	if b == nil {
		return
	}
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return
	}
	b.closed = true
	left, total := slices.Clone(b.tasks), b.total
	b.mu.Unlock()
	for _, t := range left {
		t.Done(errStopped)
	}
	if total != nil {
		total.Done(total.verdict())
	}
	b.show.close()
}

func (b *Bars) forget(t *Task) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tasks = slices.DeleteFunc(b.tasks, func(other *Task) bool { return other == t })
}
