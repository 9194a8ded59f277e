package ui

import (
	"bufio"
	"io"
	"strings"
	"unicode/utf8"
)

const (
	gap       = 2 // blanks between columns
	narrowest = 8 // no column is cut below this, or below its heading
)

// Table writes aligned columns; the header is left out when there are no rows
// to stand under it. Every cell is made Printable. On a terminal that is too
// narrow, columns with nothing in them are left out and the widest are cut, so
// that a row stays one line; elsewhere nothing is cut. A character counts as one column, which wide scripts are not: their tables may
// stand out of line, nothing is lost.
func Table(w io.Writer, header []string, rows [][]string) error {
	if len(rows) == 0 {
		return nil
	}
	screen, ok := w.(Screen)
	if !ok {
		screen = newScreen(w, "never")
	}
	if _, total := natural(header, rows); screen.Width > 0 && total > screen.Width {
		header, rows = withoutEmpty(header, rows)
	}
	widths := fit(header, rows, screen.Width)
	out := bufio.NewWriterSize(w, 1<<16)
	writeRow(out, header, widths, func(cell string) string { return screen.paint(bold, cell) })
	for _, row := range rows {
		writeRow(out, row, widths, func(cell string) string {
			if cell == mark {
				return screen.paint(green, cell)
			}
			return cell
		})
	}
	return out.Flush()
}

func writeRow(out *bufio.Writer, row []string, widths []int, paint func(string) string) {
	last := len(row) - 1
	if last < 0 {
		out.WriteByte('\n')
		return
	}
	for last > 0 && row[last] == "" {
		last--
	}
	for i, cell := range row[:last+1] {
		cell = cut(Printable(cell), widths[i])
		out.WriteString(paint(cell)) // a failure comes up again at Flush
		if i < last {
			out.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+gap))
		}
	}
	out.WriteByte('\n')
}

// cut shortens a cell and shows that it did.
func cut(cell string, width int) string {
	if utf8.RuneCountInString(cell) <= width {
		return cell
	}
	return string([]rune(cell)[:width-1]) + "…"
}

// fit gives each column its width: that of its widest cell, and less where the
// screen is too narrow for the sum. The widest column gives way first, of equal
// ones the last: what distinguishes rows stands on the left.
func fit(header []string, rows [][]string, screen int) []int {
	widths, total := natural(header, rows)
	for screen > 0 && total > screen {
		victim := -1
		for i, width := range widths {
			if width > floor(header, i) && (victim < 0 || width >= widths[victim]) {
				victim = i
			}
		}
		if victim < 0 {
			break
		}
		// In one step where a single column is the widest by far: a hostile
		// cell may be a megabyte long.
		step := 1
		if over := total - screen; widths[victim] > 4*screen {
			step = min(over, widths[victim]-4*screen)
		}
		widths[victim] -= step
		total -= step
	}
	return widths
}

// withoutEmpty leaves out the columns that say nothing but their heading.
func withoutEmpty(header []string, rows [][]string) ([]string, [][]string) {
	empty := func(i int) bool {
		for _, row := range rows {
			if i < len(row) && row[i] != "" {
				return false
			}
		}
		return true
	}
	var kept []int
	widths, _ := natural(header, rows)
	for i := range widths {
		if !empty(i) {
			kept = append(kept, i)
		}
	}
	pick := func(row []string) (picked []string) {
		for _, i := range kept {
			if i < len(row) {
				picked = append(picked, row[i])
			}
		}
		return picked
	}
	less := make([][]string, len(rows))
	for i, row := range rows {
		less[i] = pick(row)
	}
	return pick(header), less
}

func natural(header []string, rows [][]string) (widths []int, total int) {
	columns := len(header)
	for _, row := range rows {
		columns = max(columns, len(row))
	}
	widths = make([]int, columns)
	measure := func(row []string) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	measure(header)
	for _, row := range rows {
		measure(row)
	}
	for _, width := range widths {
		total += width
	}
	return widths, total + gap*(columns-1)
}

func floor(header []string, i int) int {
	if i >= len(header) {
		return narrowest
	}
	return max(narrowest, utf8.RuneCountInString(header[i]))
}

const mark = "*"

// Mark is "*" or nothing, for yes-or-no columns.
func Mark(yes bool) string {
	if yes {
		return mark
	}
	return ""
}
