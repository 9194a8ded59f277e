package progress_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"moss/internal/testutil"
	"moss/internal/ui/progress"
)

// terminal is the other side of a real pseudo terminal: it draws what arrives
// as a terminal does, and complains of what would spoil the screen.
type terminal struct {
	t        *testing.T
	side     *os.File // what the program writes to
	width    int
	mu       sync.Mutex
	rows     []string
	row, col int
	escape   string
	seen     map[string]bool // every row that ever was complete
	pairs    map[string]bool // first letters of a row and the one below it
	changed  chan struct{}
	end      chan struct{}
}

func open(t *testing.T, width int) *terminal {
	t.Helper()
	t.Setenv("TERM", "linux")
	master, side := testutil.Terminal(t, uint16(width))
	term := &terminal{t: t, side: side, width: width, rows: []string{""}, seen: map[string]bool{}, pairs: map[string]bool{},
		changed: make(chan struct{}, 1), end: make(chan struct{})}
	go term.read(master)
	return term
}

func (term *terminal) read(master io.Reader) {
	defer close(term.end)
	buf := make([]byte, 4096)
	for {
		n, err := master.Read(buf)
		term.mu.Lock()
		for _, b := range buf[:n] {
			term.put(b)
		}
		term.mu.Unlock()
		select {
		case term.changed <- struct{}{}:
		default:
		}
		if err != nil { // EIO: the other side is closed
			return
		}
	}
}

func (term *terminal) put(b byte) {
	switch {
	case term.escape != "" || b == 0x1b:
		term.escape += string(b)
		if b >= 'A' && b <= 'Z' {
			term.obey(term.escape)
			term.escape = ""
		}
	case b == '\r':
		term.col = 0
	case b == '\n':
		term.seen[strings.TrimRight(term.rows[term.row], " ")] = true
		if term.row > 0 {
			term.pairs[head(term.rows[term.row-1])+" above "+head(term.rows[term.row])] = true
		}
		term.row++
		if term.row == len(term.rows) {
			term.rows = append(term.rows, "")
		}
	case b < 0x20 || b >= 0x7f:
		term.t.Errorf("byte %#x reached the terminal", b)
	default:
		if term.col >= term.width {
			term.t.Errorf("a line of more than %d columns: %q", term.width, term.rows[term.row])
		}
		term.rows[term.row] = term.rows[term.row][:min(term.col, len(term.rows[term.row]))] + string(b)
		term.col++
	}
}

func head(row string) string { return row[:min(2, len(row))] }

func (term *terminal) obey(escape string) {
	var up int
	if _, err := fmt.Sscanf(escape, "\x1b[%dA", &up); err == nil && up <= term.row {
		term.row -= up
		return
	}
	if escape != "\x1b[J" {
		term.t.Errorf("escape %q at row %d", escape, term.row)
	}
	term.rows = append(term.rows[:term.row], "")
}

// await blocks until a row that satisfies want was drawn.
func (term *terminal) await(want func(row string) bool) {
	term.t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		term.mu.Lock()
		for row := range term.seen {
			if want(row) {
				term.mu.Unlock()
				return
			}
		}
		seen := fmt.Sprint(term.seen)
		term.mu.Unlock()
		select {
		case <-term.changed:
		case <-deadline:
			term.t.Fatalf("the row never came, these did: %s", seen)
		}
	}
}

// left closes the terminal and returns what stays on it.
func (term *terminal) left() string {
	_ = term.side.Close()
	<-term.end
	return strings.Join(term.rows, "\n")
}

func TestScreen(t *testing.T) {
	for _, width := range []int{5, 24, 40, 80, 200} {
		t.Run(fmt.Sprint(width), func(t *testing.T) {
			term := open(t, width)
			b := progress.New(term.side, "auto", false)
			b.Expect(2, 300<<20)
			nano := b.Begin("nano\x1b[2J", 100<<20, progress.Bytes)
			linux := b.Begin("linux-with-a-name-that-is-much-too-long-for-its-column.stone", 200<<20, progress.Bytes)
			nano.Set(50 << 20)
			term.await(func(row string) bool {
				return strings.HasPrefix(row, "na") && (width < 24 || strings.Contains(row, "50%"))
			})
			term.await(func(row string) bool { return strings.HasPrefix(row, "li") })
			term.await(func(row string) bool { return strings.HasPrefix(row, "to") })
			if width == 80 {
				term.await(func(row string) bool {
					return strings.HasPrefix(row, "nano?[2J") && strings.Contains(row, "50%") && strings.Contains(row, "50.0 MiB / 100.0 MiB") && strings.Contains(row, "/s")
				})
			}
			term.mu.Lock()
			if !term.pairs["na above li"] || !term.pairs["li above to"] || term.pairs["to above na"] || term.pairs["to above li"] {
				t.Errorf("got the rows in the order %v, want the total last", term.pairs)
			}
			term.mu.Unlock()
			nano.Set(100 << 20)
			nano.Done(nil)
			linux.Done(errors.New("no space"))
			b.Wait()
			if got := term.left(); strings.TrimSpace(got) != "" {
				t.Errorf("this stays on the screen after a failure: %q", got)
			}
		})
	}
}

func TestScreenKeepsOtherLinesAndTheTotal(t *testing.T) {
	term := open(t, 80)
	b := progress.New(term.side, "plain", false)
	fmt.Fprintln(b, "before the bars")
	b.Expect(1, 5<<20)
	task := b.Begin("nano", 5<<20, progress.Bytes)
	term.await(func(row string) bool { return strings.HasPrefix(row, "nano") })
	fmt.Fprintln(b, "between the bars")
	task.Retry(errors.New("no byte for 30s"))
	task.Set(5 << 20)
	task.Done(nil)
	b.Wait()
	fmt.Fprintln(b, "after the bars")
	got := strings.Split(strings.TrimSpace(term.left()), "\n")
	want := []string{"before the bars", "between the bars", "nano: trying again: no byte for 30s", "total 1/1: 5.0 MiB in ", "after the bars"}
	if len(got) != len(want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("row %d: got %q, want %q", i, got[i], want[i])
		}
	}
}

func TestQuestionStaysOnTheScreen(t *testing.T) {
	term := open(t, 80)
	b := progress.New(term.side, "auto", false)
	b.Step("plan", 3, 8)
	old := b.Begin("unpack", 0, progress.Files)
	term.await(func(row string) bool { return row == "[3/8] plan" })
	term.await(func(row string) bool { return strings.HasPrefix(row, "unpack") })
	resume := b.Pause()
	fmt.Fprintln(term.side, "go on? y")
	fmt.Fprintln(b, "a warning")
	b.Step("stage", 4, 8)
	gone := b.Begin("gone", 0, progress.Files)
	gone.Done(nil)
	resume()
	term.await(func(row string) bool { return row == "[4/8] stage" })
	old.Done(nil)
	b.Wait()
	if got := strings.TrimSpace(term.left()); got != "go on? y\na warning" {
		t.Errorf("got %q, want the question and the warning", got)
	}
	term.mu.Lock()
	defer term.mu.Unlock()
	for row := range term.seen {
		if strings.HasPrefix(row, "gone") {
			t.Errorf("%q was drawn over the question", row)
		}
	}
	if !term.pairs["[3 above un"] || term.pairs["un above [3"] || term.pairs["un above [4"] {
		t.Errorf("got the rows in the order %v, want the step first", term.pairs)
	}
}

func TestScreenIsNotUsedWhereItCannotBe(t *testing.T) {
	for name, c := range map[string]struct {
		terminal, mode string
		quiet          bool
	}{"dumb": {"dumb", "auto", false}, "quiet": {"linux", "auto", true}, "none": {"linux", "none", false}} {
		t.Run(name, func(t *testing.T) {
			term := open(t, 80)
			t.Setenv("TERM", c.terminal)
			b := progress.New(term.side, c.mode, c.quiet)
			b.Begin("nano", 1, progress.Bytes).Done(nil)
			b.Wait()
			if got := term.left(); got != "" {
				t.Errorf("got %q, want nothing", got)
			}
		})
	}
}

func TestTerminalThatGoesAway(t *testing.T) {
	term := open(t, 80)
	b := progress.New(term.side, "auto", false)
	task := b.Begin("nano", 10, progress.Bytes)
	term.await(func(row string) bool { return strings.HasPrefix(row, "nano") })
	term.left()
	other := b.Begin("vim", 10, progress.Bytes)
	task.Add(10)
	task.Done(nil)
	other.Done(nil)
	b.Wait() // must return
}
