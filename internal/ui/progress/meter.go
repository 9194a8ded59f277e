package progress

import (
	"math"
	"time"
)

const (
	// grain is the shortest time a speed is taken over: bytes come in bursts.
	grain = 250 * time.Millisecond
	// memory is how long ago counts for a third of the speed shown.
	memory = 4 * time.Second
)

// meter counts and keeps a speed that follows the present and does not jump.
type meter struct {
	unit        string
	done, total int64
	begun       time.Time
	rate        float64 // a second
	rated       bool    // rate is known
	since       time.Time
	from        int64 // done at since
	gone        int64 // what jumps brought: no work of ours
}

func (m *meter) begin(now time.Time, total int64, unit string) {
	*m = meter{unit: unit, total: total, begun: now, since: now}
}

func (m *meter) add(now time.Time, n int64) {
	m.done += n
	m.sample(now)
}

func (m *meter) jump(now time.Time, to int64) {
	m.sample(now)
	m.gone += to - m.done
	m.from += to - m.done
	m.done = to
}

// sample takes the speed since the last sample into the average.
func (m *meter) sample(now time.Time) {
	passed := now.Sub(m.since)
	if passed < grain {
		return
	}
	speed := float64(m.done-m.from) / passed.Seconds()
	weight := 1 - math.Exp(-passed.Seconds()/memory.Seconds())
	if !m.rated {
		weight = 1
	}
	m.rate += weight * (speed - m.rate)
	m.since, m.from, m.rated = now, m.done, true
}

// read looks at the meter; a task that stands still gets slower by it.
func (m *meter) read(now time.Time) snapshot {
	m.sample(now)
	s := snapshot{unit: m.unit, done: m.done, total: m.total, rate: m.rate, remaining: -1, elapsed: now.Sub(m.begun)}
	if left := m.total - m.done; m.total > 0 && left <= 0 {
		s.remaining = 0
	} else if seconds := float64(left) / m.rate; m.total > 0 && m.rate > 0 && seconds < 1e6 {
		s.remaining = time.Duration(seconds * float64(time.Second))
	}
	return s
}

// average is the speed of the whole task, for what is said at its end.
func (s snapshot) average() float64 {
	if s.elapsed < time.Millisecond {
		return 0
	}
	return float64(s.done) / s.elapsed.Seconds()
}
