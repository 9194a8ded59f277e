package progress

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// errStopped is said of a task whose command ended before it.
var errStopped = errors.New("stopped")

// Task is one piece of work under way. Its methods may be called from several
// goroutines; after Done they do nothing.
type Task struct {
	bars   *Bars
	name   string
	number int   // of its line, from the top
	total  *Task // what it counts for

	mu       sync.Mutex
	meter    meter
	over     bool
	expected int // of a total: tasks in all
	finished int // of a total: tasks that ended well
}

// snapshot is a task at one moment, for displays.
type snapshot struct {
	name, unit  string
	label       string // name for people: a total says how many of how many
	done, total int64
	rate        float64       // a second
	remaining   time.Duration // below 0 when nobody can know
	elapsed     time.Duration
	batch       bool // a total
}

func (t *Task) look() snapshot {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.snap(time.Now())
}

func (t *Task) snap(now time.Time) snapshot {
	s := t.meter.read(now)
	s.name, s.label = t.name, t.name
	if t.expected > 0 {
		s.batch = true
		s.label = fmt.Sprintf("%s %d/%d", t.name, t.finished, t.expected)
	}
	return s
}

// Add counts n more.
func (t *Task) Add(n int64) {
	t.update(func(m *meter, now time.Time) int64 { m.add(now, n); return n }, false)
}

// Set counts up to n. Less than before is work that is lost and done again.
func (t *Task) Set(n int64) {
	if t == nil {
		return
	}
	t.update(func(m *meter, now time.Time) int64 {
		delta := n - m.done
		if delta < 0 {
			m.jump(now, n)
		} else {
			m.add(now, delta)
		}
		return delta
	}, false)
}

// Restart goes on from n, which was there before or is what is left: it counts
// as done, not as speed.
func (t *Task) Restart(n int64) {
	t.update(func(m *meter, now time.Time) int64 {
		delta := n - m.done
		m.jump(now, n)
		return delta
	}, true)
}

// SetTotal says how much it is in all, where Begin did not know.
func (t *Task) SetTotal(n int64) {
	t.update(func(m *meter, _ time.Time) int64 { m.total = n; return 0 }, true)
}

// update changes the numbers; the total follows, by jump when they are no work
// of now.
func (t *Task) update(change func(*meter, time.Time) int64, jump bool) {
	if t == nil {
		return
	}
	now := time.Now()
	t.mu.Lock()
	if t.over {
		t.mu.Unlock()
		return
	}
	delta := change(&t.meter, now)
	s := t.snap(now)
	t.mu.Unlock()
	t.total.follow(delta, jump || delta < 0)
	t.bars.show.change(t, s)
}

func (t *Task) follow(delta int64, jump bool) {
	if t == nil || delta == 0 {
		return
	}
	t.update(func(m *meter, now time.Time) int64 {
		if jump {
			m.jump(now, m.done+delta)
		} else {
			m.add(now, delta)
		}
		m.total = max(m.total, m.done) // tasks whose size nobody announced
		return 0
	}, false)
}

// Retry says that the task begins anew, or goes on, after why.
func (t *Task) Retry(why error) {
	if t == nil {
		return
	}
	t.bars.show.retry(t, t.look(), why)
}

// Done ends the task, well if err is nil.
func (t *Task) Done(err error) {
	if t == nil {
		return
	}
	t.mu.Lock()
	if t.over {
		t.mu.Unlock()
		return
	}
	t.over = true
	s := t.snap(time.Now())
	t.mu.Unlock()
	t.bars.forget(t)
	if t.total != nil && err == nil {
		t.total.count()
	}
	t.bars.show.done(t, s, err)
}

func (t *Task) count() {
	t.mu.Lock()
	t.finished++
	t.mu.Unlock()
}

// verdict is how a total ends.
func (t *Task) verdict() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.finished < t.expected {
		return fmt.Errorf("%d of %d did not end well", t.expected-t.finished, t.expected)
	}
	return nil
}
