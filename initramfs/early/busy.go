package early

import (
	"sync"
	"time"
)

// slow is when the boot says what takes so long.
const slow = 2 * time.Second

// busy says, once a step, that it takes long: a disk that replays its journal, a
// driver that waits for its hardware. A person who sees nothing switches the
// machine off.
//
// It is a timer that runs out in a goroutine of its own, so that a step which
// hangs in the kernel is told of all the same; a step that is over has stopped
// it, so none is left when init is executed.
type busy struct {
	console *Console

	mu     sync.Mutex
	timer  *time.Timer
	step   string
	paused int
}

// watch begins the watch over a step and gives what ends it.
func (b *Boot) watch(step string) (end func()) {
	w := &b.busy
	w.mu.Lock()
	defer w.mu.Unlock()
	w.console, w.step, w.paused = &b.console, step, 0
	w.timer = time.AfterFunc(slow, w.over)
	return w.end
}

func (w *busy) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.step = ""
	w.timer.Stop()
}

// over is called when the time is. Whoever has said something just now, such as
// the step itself, is left to it for a while.
func (w *busy) over() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.step == "" || w.paused > 0 {
		return
	}
	if left := slow - w.console.silence(); left > 0 {
		w.timer.Reset(left)
		return
	}
	w.console.warnf("still busy with %s", describe(w.step))
	w.step = ""
}

// asking keeps the watch quiet while a person is asked, or while the step waits
// for something and has its own words for it. It begins anew, with its whole time,
// when the function that asking gives is called.
func (b *Boot) asking() (end func()) {
	w := &b.busy
	w.mu.Lock()
	defer w.mu.Unlock()
	w.paused++
	if w.timer != nil {
		w.timer.Stop()
	}
	return w.goOn
}

func (w *busy) goOn() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.paused--
	if w.paused == 0 && w.step != "" {
		w.timer.Reset(slow)
	}
}

// describe is a step for somebody who does not know the list of steps.
func describe(step string) string {
	words := map[string]string{
		"modules":     "loading drivers",
		"root-device": "looking for the root device",
		"resume":      "looking for a hibernated system",
		"fsck":        "checking the root file system",
		"sysroot":     "mounting the root; after a power cut it mends itself first",
		"mounted":     "asking the root file system",
		"recover":     "looking through the states",
		"usr-merge":   "looking at /bin, /sbin and /lib",
		"activate":    "checking the state and making it live",
		"root-links":  "looking at the links into /usr",
		"read-only":   "making the root read-only again",
		"watchdog":    "setting the hardware watchdog",
		"switch-root": "going over to the system",
	}[step]
	if words == "" {
		return step
	}
	return step + ": " + words
}
