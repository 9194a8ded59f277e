package progress

import (
	"encoding/json"
	"io"
	"math"
	"sync"
	"time"
)

// event is one line of JSON. Its keys are a promise to other programs.
type event struct {
	Event     string   `json:"event"` // begin, progress, retry, done or failed
	Name      string   `json:"name"`
	Done      int64    `json:"done"`
	Total     int64    `json:"total"` // 0: not known
	Unit      string   `json:"unit"`
	Rate      int64    `json:"rate"`        // a second
	Remaining *float64 `json:"remaining_s"` // null: not known
	Error     string   `json:"error,omitempty"`
}

// events writes one object a line, in one write each, so that lines of other
// writers never come between.
type events struct {
	mu   sync.Mutex
	w    io.Writer
	last map[*Task]time.Time
}

func (e *events) begin(t *Task, s snapshot) { e.put(t, s, "begin", nil) }

// change keeps to four events a second and task.
func (e *events) change(t *Task, s snapshot) {
	e.mu.Lock()
	now := time.Now()
	last, known := e.last[t]
	due := known && now.Sub(last) >= grain
	if due {
		e.last[t] = now
	}
	e.mu.Unlock()
	if due {
		e.put(t, s, "progress", nil)
	}
}

func (e *events) retry(t *Task, s snapshot, why error) { e.put(t, s, "retry", why) }

func (e *events) done(t *Task, s snapshot, err error) {
	if s.unit == steps && err != nil {
		return // the exit code says how the last one ended
	}
	word := "done"
	if err != nil {
		word = "failed"
	}
	e.put(t, s, word, err)
}

func (e *events) put(t *Task, s snapshot, word string, err error) {
	line := event{Event: word, Name: s.name, Done: s.done, Total: s.total, Unit: s.unit, Rate: int64(math.Round(s.rate))}
	if s.remaining >= 0 {
		seconds := math.Round(s.remaining.Seconds()*10) / 10
		line.Remaining = &seconds
	}
	if err != nil {
		line.Error = err.Error()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.last == nil {
		e.last = map[*Task]time.Time{}
	}
	e.last[t] = time.Now()
	if word == "done" || word == "failed" {
		delete(e.last, t)
	}
	enc := json.NewEncoder(e.w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(line) // a reader that went away must not stop the work
}

func (e *events) Write(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.w.Write(p)
}

func (e *events) pause() func() { return func() {} }

func (e *events) close() {}
