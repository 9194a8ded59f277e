package progress

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8/decor"
)

// What is begun with less than this is over before a line says so.
const (
	longBytes = 8 << 20
	longFiles = 5000
)

// lines is for logs: a line where long work begins, one where work ends.
type lines struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lines) begin(_ *Task, s snapshot) {
	if s.unit == steps {
		return // those have their lines in the log
	}
	if s.total == 0 || s.unit == Bytes && s.total >= longBytes || s.unit != Bytes && s.total >= longFiles {
		size := "size unknown"
		if s.total > 0 {
			size = amount(s.total, s.unit)
		}
		l.put("%s: begun, %s", printable(s.name), size)
	}
}

func (l *lines) change(*Task, snapshot) {}

func (l *lines) retry(_ *Task, s snapshot, why error) {
	l.put("%s: trying again: %s", printable(s.name), printable(why.Error()))
}

func (l *lines) done(_ *Task, s snapshot, err error) {
	if s.unit == steps {
		return
	}
	if err != nil {
		l.put("%s: failed: %s", printable(s.name), printable(err.Error()))
		return
	}
	l.put("%s: %s", printable(s.label), summary(s))
}

func (l *lines) put(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(l.w, format+"\n", args...)
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

func (l *lines) pause() func() { return func() {} }

func (l *lines) close() {}

// summary is what is said of finished work.
func summary(s snapshot) string {
	text := fmt.Sprintf("%s in %s", amount(s.done, s.unit), s.elapsed.Round(100*time.Millisecond))
	if rate := s.average(); s.elapsed >= time.Second {
		text += ", " + speed(rate, s.unit)
	}
	return text
}

// amount is n for people.
func amount(n int64, unit string) string {
	if unit == Bytes && n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	if unit == Bytes {
		return fmt.Sprintf("% .1f", decor.SizeB1024(n))
	}
	if n == 1 && unit == Files {
		return "1 file"
	}
	return fmt.Sprintf("%d %s", n, unit)
}

func speed(rate float64, unit string) string {
	return amount(int64(rate+0.5), unit) + "/s"
}
