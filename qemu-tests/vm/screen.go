package vm

import (
	"strconv"
	"strings"
)

const screenRows, screenColumns = 50, 132

// A cell keeps the background besides the character: a boot menu shows its
// selected line by colour alone.
type cell struct {
	char       rune
	background int
}

// screen is what a person at the serial line would see now. Only what firmware,
// boot loaders and shells use is understood: moving, erasing, colours.
type screen struct {
	cells      [screenRows][screenColumns]cell
	row, col   int
	background int
}

func (s *screen) put(r rune) {
	if s.col == screenColumns {
		s.col = 0
		s.lineFeed()
	}
	s.cells[s.row][s.col] = cell{r, s.background}
	s.col++
}

func (s *screen) control(b byte) {
	switch b {
	case '\n':
		s.lineFeed()
	case '\r':
		s.col = 0
	case '\b':
		s.col = max(s.col-1, 0)
	case '\t':
		s.col = min(s.col/8*8+8, screenColumns-1)
	}
}

func (s *screen) lineFeed() {
	if s.row++; s.row < screenRows {
		return
	}
	copy(s.cells[:], s.cells[1:])
	s.cells[screenRows-1] = [screenColumns]cell{}
	s.row = screenRows - 1
}

func (s *screen) sequence(final byte, params []byte) {
	n := numbers(params)
	switch final {
	case 'H', 'f':
		s.row, s.col = clamp(at(n, 0, 1), screenRows), clamp(at(n, 1, 1), screenColumns)
	case 'A':
		s.row = max(s.row-at(n, 0, 1), 0)
	case 'B':
		s.row = min(s.row+at(n, 0, 1), screenRows-1)
	case 'C':
		s.col = min(s.col+at(n, 0, 1), screenColumns-1)
	case 'D':
		s.col = max(s.col-at(n, 0, 1), 0)
	case 'J':
		s.erase(at(n, 0, 0))
	case 'K':
		s.eraseLine(at(n, 0, 0))
	case 'm':
		s.colour(n)
	}
}

func (s *screen) erase(mode int) {
	switch mode {
	case 0:
		s.eraseLine(0)
		clear(s.cells[s.row+1:])
	case 1:
		s.eraseLine(1)
		clear(s.cells[:s.row])
	default:
		clear(s.cells[:])
	}
}

func (s *screen) eraseLine(mode int) {
	line := s.cells[s.row][:]
	switch col := min(s.col, screenColumns-1); mode {
	case 0:
		line = line[col:]
	case 1:
		line = line[:col+1]
	}
	clear(line)
}

func (s *screen) colour(codes []int) {
	if len(codes) == 0 {
		s.background = 0
	}
	for _, code := range codes {
		switch {
		case code == 0, code == 27, code == 49:
			s.background = 0
		case code == 7:
			s.background = 47
		case code >= 40 && code <= 47:
			s.background = code
		}
	}
}

// lines is the text of the rows, without trailing blanks and empty last rows.
func (s *screen) lines() []string {
	var lines []string
	for _, row := range s.cells {
		lines = append(lines, text(row[:]))
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

func text(cells []cell) string {
	var b strings.Builder
	for _, c := range cells {
		if c.char == 0 {
			c.char = ' '
		}
		b.WriteRune(c.char)
	}
	return strings.TrimRight(b.String(), " ")
}

func numbers(params []byte) []int {
	var list []int
	for part := range strings.SplitSeq(strings.TrimLeft(string(params), "?>="), ";") {
		n, err := strconv.Atoi(part)
		if err != nil {
			n = 0
		}
		list = append(list, n)
	}
	return list
}

func at(list []int, i, otherwise int) int {
	if i >= len(list) || list[i] == 0 {
		return otherwise
	}
	return list[i]
}

// clamp turns a position that counts from 1 into an index.
func clamp(n, size int) int { return min(max(n, 1), size) - 1 }
