package progress

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// nameWidth is how much of a wide line the name gets.
const nameWidth = 28

// line draws a task on at most width columns: what matters least goes first
// where it is narrow.
func line(s snapshot, width int) string {
	if width < 1 {
		return ""
	}
	if s.unit == steps {
		return fit(fmt.Sprintf("[%d/%d] %s", s.done, s.total, s.name), width)
	}
	percent := "     "
	if s.total > 0 {
		percent = fmt.Sprintf("%4d%%", min(max(s.done, 0)*100/s.total, 100))
	}
	right := percent
	for _, field := range []string{
		fmt.Sprintf(" %7s", clock(s.remaining)),
		fmt.Sprintf(" %13s", speed(s.rate, s.unit)),
		fmt.Sprintf(" %23s", counts(s)),
	} {
		if len(right)+len(field)+16 > width {
			break
		}
		right += field
	}
	left := width - len(right)
	if left < 4 {
		return fit(s.label, width)
	}
	if bar := left - nameWidth - 3; bar >= 10 {
		return fit(s.label, nameWidth) + " " + drawn(s, min(bar, 40)) + right
	}
	return fit(s.label, left) + right
}

func counts(s snapshot) string {
	if s.total <= 0 {
		return amount(s.done, s.unit)
	}
	return amount(s.done, s.unit) + " / " + amount(s.total, s.unit)
}

// drawn is the bar itself, of cells columns between its brackets. It is ASCII:
// the console of a machine that is being repaired has no other font.
func drawn(s snapshot, cells int) string {
	full := 0
	if s.total > 0 {
		full = int(float64(min(max(s.done, 0), s.total)) / float64(s.total) * float64(cells))
	}
	return "[" + strings.Repeat("#", full) + strings.Repeat(" ", cells-full) + "]"
}

// clock is a time to go.
func clock(d time.Duration) string {
	if d < 0 {
		return "-:--"
	}
	seconds := int(d.Round(time.Second).Seconds())
	if seconds >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", seconds/3600, seconds/60%60, seconds%60)
	}
	return fmt.Sprintf("%d:%02d", seconds/60, seconds%60)
}

// fit pads or cuts text to width columns.
func fit(text string, width int) string {
	text = printable(text)
	n := utf8.RuneCountInString(text)
	if n <= width {
		return text + strings.Repeat(" ", width-n)
	}
	return string([]rune(text)[:width-1]) + "~"
}

// printable keeps what takes one column. Names come from repositories: an
// escape sequence in one must not reach the terminal, and a letter of two
// columns would make lines wrap.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || r >= 0x1100 || !unicode.IsPrint(r) || unicode.Is(unicode.Mn, r) {
			return '?'
		}
		return r
	}, text)
}
