package progress

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// screen draws a line for every running task, the step above and the total
// below them. Finished tasks leave: what stays on the terminal is the total.
//
// Its lock is held while mpb is called, and never taken by what mpb calls: a
// drawing only looks at tasks.
type screen struct {
	file *os.File
	mu   sync.Mutex
	mpb  *mpb.Progress      // nil while nothing is drawn
	bars map[*Task]*mpb.Bar // of the running tasks; nil bars are not drawn
	held bool               // by pause
	last string             // said when the bars are gone
}

func (s *screen) begin(t *Task, _ snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bars == nil {
		s.bars = map[*Task]*mpb.Bar{}
	}
	s.bars[t] = nil
	if !s.held {
		s.draw(t)
	}
}

func (s *screen) draw(t *Task) {
	if s.mpb == nil {
		s.mpb = mpb.New(mpb.WithOutput(s.file), mpb.WithRefreshRate(150*time.Millisecond))
	}
	// One column stays free: some terminals wrap when the last one is written.
	fill := func(w io.Writer, stat decor.Statistics) error {
		_, err := io.WriteString(w, line(t.look(), stat.AvailableWidth-1))
		return err
	}
	bar, err := s.mpb.Add(0, mpb.BarFillerFunc(fill), mpb.BarFillerTrim(), mpb.BarRemoveOnComplete(), mpb.BarPriority(t.number))
	if err == nil { // else the terminal is gone; the work goes on
		s.bars[t] = bar
	}
}

// change does nothing: each drawing looks at the tasks.
func (s *screen) change(*Task, snapshot) {}

func (s *screen) retry(_ *Task, at snapshot, why error) {
	fmt.Fprintf(s, "%s: trying again: %s\n", printable(at.name), printable(why.Error()))
}

func (s *screen) done(t *Task, at snapshot, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if bar := s.bars[t]; bar != nil {
		bar.Abort(true) // the command itself says why something failed
	}
	delete(s.bars, t)
	if at.batch && err == nil {
		s.last = printable(at.label) + ": " + summary(at) + "\n"
	}
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mpb != nil {
		if n, err := s.mpb.Write(p); err == nil {
			return n, nil
		}
	}
	return s.file.Write(p)
}

func (s *screen) pause() func() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = true
	s.wipe()
	return s.resume
}

func (s *screen) resume() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.held {
		return
	}
	s.held = false
	for t := range s.bars {
		s.draw(t)
	}
}

// wipe takes all bars off the terminal.
func (s *screen) wipe() {
	if s.mpb == nil {
		return
	}
	for t, bar := range s.bars {
		if bar != nil {
			bar.Abort(true)
		}
		s.bars[t] = nil
	}
	s.mpb.Wait()
	s.mpb = nil
}

func (s *screen) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wipe()
	_, _ = io.WriteString(s.file, s.last)
}
