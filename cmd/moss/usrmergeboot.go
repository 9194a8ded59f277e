package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"moss/internal/system"
	"moss/store/fetch"
)

const (
	// consoleEvery is how often a boot that waits hears of it.
	consoleEvery = 10 * time.Second
	// estimateAfter is when what is left is told: before, it would be any number.
	estimateAfter = 30 * time.Second
)

// console tells a merge at boot in lines: a unit's console has no bars.
type console struct {
	w     io.Writer
	now   func() time.Time
	begun time.Time
}

// Step and Fetch are of other work.
func (c *console) Step(string, int, int) {}
func (c *console) Fetch(fetch.Event)     {}

// Begin says once that it takes a while and that nobody need fear it.
func (c *console) Begin(_ string, total int64, _ string) system.Task {
	if c.begun.IsZero() {
		c.begun = c.now()
		fmt.Fprintln(c.w, "moss: usr-merge: the top folders move into /usr; it is safe to switch off at any moment")
	}
	return &consoleTask{console: c, total: total, said: c.now()}
}

type consoleTask struct {
	*console
	mu          sync.Mutex
	done, total int64
	said        time.Time
}

func (t *consoleTask) Add(n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done += n
	now := t.now()
	if now.Sub(t.said) < consoleEvery || t.total <= 0 {
		return
	}
	t.said = now
	line := fmt.Sprintf("moss: usr-merge: %d %%", 100*min(t.done, t.total)/t.total)
	if passed := now.Sub(t.begun); passed >= estimateAfter && t.done > 0 {
		left := time.Duration(float64(passed) * float64(max(t.total-t.done, 0)) / float64(t.done))
		line += fmt.Sprintf(", about %s left", (left + time.Second - 1).Truncate(time.Second))
	}
	fmt.Fprintln(t.w, line)
}

func (t *consoleTask) Done(error) {}
