package early

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"moss/usrmerge"
)

const (
	// meterFirst is when the bar appears: most merges are over by then.
	meterFirst = 500 * time.Millisecond
	// estimateFrom is when what is left is told: before, a few slow files would
	// make it any number.
	estimateFrom = 30 * time.Second
	// meterWidth is that of the bar, in columns.
	meterWidth = 30
)

// meter shows how far a merge is: a bar on the console, redrawn in its line, and
// in the log, which may be all that a person sees behind a splash screen, what is
// left every half minute.
//
// It draws by a clock of its own, so that it goes on while the disk takes its time.
type meter struct {
	console *Console
	begun   time.Time
	stop    chan struct{}
	done    sync.WaitGroup

	mu    sync.Mutex
	at    usrmerge.Progress
	shown string    // the bar
	told  time.Time // in the log
}

// measure begins; end must be called.
func (c *Console) measure() *meter {
	m := &meter{console: c, begun: time.Now(), stop: make(chan struct{})}
	m.done.Go(m.run)
	return m
}

func (m *meter) run() {
	ticker := time.NewTicker(meterFirst / 2)
	defer ticker.Stop()
	for {
		select {
		case <-m.stop:
			return
		case now := <-ticker.C:
			m.draw(now.Sub(m.begun), now)
		}
	}
}

// progress is usrmerge.Options.Progress.
func (m *meter) progress(p usrmerge.Progress) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.at = p
}

// end takes the bar away and returns how long it took in all.
func (m *meter) end() time.Duration {
	close(m.stop)
	m.done.Wait()
	if m.shown != "" {
		m.console.redraw("")
	}
	return time.Since(m.begun)
}

func (m *meter) draw(passed time.Duration, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if passed < meterFirst {
		return
	}
	if text := bar(m.at, passed); text != m.shown {
		m.shown = text
		m.console.redraw(text)
	}
	if passed >= estimateFrom && now.Sub(m.told) >= estimateFrom {
		m.told = now
		m.console.note("usr-merge: " + estimate(m.at, passed))
	}
}

// bar is the line on the console.
func bar(p usrmerge.Progress, passed time.Duration) string {
	if p.Total <= 0 {
		dots := int(passed/time.Second) % meterWidth
		return "moss-init: usr-merge " + strings.Repeat(".", dots)
	}
	done := min(max(p.Done, 0), p.Total)
	full := meterWidth * done / p.Total
	text := fmt.Sprintf("moss-init: [%s%s] %3d %%", strings.Repeat("#", full), strings.Repeat(".", meterWidth-full), 100*done/p.Total)
	if passed >= estimateFrom {
		text += ", " + estimate(p, passed)
	}
	return text
}

// estimate takes what is left to be as slow as what was done.
func estimate(p usrmerge.Progress, passed time.Duration) string {
	if p.Total <= 0 || p.Done <= 0 {
		return "still busy"
	}
	left := time.Duration(float64(passed) * float64(max(p.Total-p.Done, 0)) / float64(p.Done))
	return "about " + longTime(left) + " left"
}

func shortTime(d time.Duration) string {
	return fmt.Sprintf("%d.%02d s", d/time.Second, d%time.Second/(10*time.Millisecond))
}

// longTime rounds up: a promise that is kept.
func longTime(d time.Duration) string {
	seconds := int((d + time.Second - 1) / time.Second)
	switch {
	case seconds < 60:
		return fmt.Sprintf("%d s", seconds)
	case seconds < 100*60:
		return fmt.Sprintf("%d min", (seconds+59)/60)
	}
	return fmt.Sprintf("%d h", (seconds+3599)/3600)
}

// redraw puts a text in place of the console's last line, unless the screen is
// somebody else's. It is no record: the log gets nothing.
func (c *Console) redraw(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tty != nil && !c.shared {
		fmt.Fprintf(c.tty, "\r%s\x1b[K", text)
	}
}

// note is for the log alone: the console shows it already.
func (c *Console) note(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kmsg != nil {
		const daemon = 3 << 3
		fmt.Fprintf(c.kmsg, "<%d>moss-init: %s\n", daemon|levelInfo, text)
	}
}
