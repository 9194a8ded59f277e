package trigger

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// half of what is kept of a trigger's output: the beginning says what it set
// out to do, the end why it failed.
const half = 32 << 10

// Output keeps the first and the last 32 KiB of what is written to it and
// counts the rest.
type Output struct {
	mu         sync.Mutex
	head, tail []byte
	lost       int64
}

// Write never fails.
func (o *Output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := len(b)
	take := min(half-len(o.head), len(b))
	o.head, b = append(o.head, b[:take]...), b[take:]
	o.tail = append(o.tail, b...)
	if over := len(o.tail) - half; over > 0 {
		o.lost += int64(over)
		o.tail = append(o.tail[:0], o.tail[over:]...)
	}
	return n, nil
}

// String is what was kept, with a line that says what was not.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.lost == 0 {
		return string(o.head) + string(o.tail)
	}
	return fmt.Sprintf("%s\n[%d bytes left out]\n%s", o.head, o.lost, o.tail)
}

// Lines are the lines of text, without control characters: they may go to a
// terminal, which would obey them.
func Lines(text string) []string {
	clean := strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || r >= ' ' && r != 0x7f && (r < 0x80 || r > 0x9f) {
			return r
		}
		return -1
	}, text)
	var lines []string
	for line := range strings.Lines(clean) {
		if line = strings.TrimRight(line, " \t\n"); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

const longestLine = 300

// manyLines is as much as a person reads of a failure; more is left out of the
// middle.
const manyLines = 20

func ends(lines []string) []string {
	if len(lines) <= manyLines {
		return lines
	}
	tail := manyLines * 3 / 4
	head := manyLines - tail - 1
	left := fmt.Sprintf("[%d lines left out]", len(lines)-head-tail)
	return slices.Concat(lines[:head], []string{left}, lines[len(lines)-tail:])
}

func lastLine(output string) string {
	lines := Lines(output)
	if len(lines) == 0 {
		return ""
	}
	last := lines[len(lines)-1]
	if len(last) > longestLine {
		last = strings.ToValidUTF8(last[:longestLine], "") + "…"
	}
	return last
}
