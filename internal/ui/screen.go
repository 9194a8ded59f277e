package ui

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Screen is an output that knows what it can show.
type Screen struct {
	io.Writer
	Width int  // columns that tables must fit into; 0: any number
	Color bool // bold headings and marks
}

const (
	bold   = "\x1b[1m"
	green  = "\x1b[1;32m"
	yellow = "\x1b[33m"
	plain  = "\x1b[0m"
)

// newScreen finds out about w. Nothing is cut and, unless it is asked for,
// nothing painted where no person looks: in a pipe, in a file.
func newScreen(w io.Writer, color string) Screen {
	s := Screen{Writer: w, Color: color == "always"}
	if IsTerminal(w) {
		s.Width = columns(w)
		s.Color = s.Color || color == "auto" && wantsColor()
	}
	return s
}

// wantsColor follows no-color.org and terminfo's name for what cannot.
func wantsColor() bool {
	term := os.Getenv("TERM")
	return os.Getenv("NO_COLOR") == "" && term != "dumb" && term != ""
}

func (s Screen) paint(style, text string) string {
	if !s.Color || text == "" {
		return text
	}
	return style + text + plain
}

// IsTerminal says whether a person may be looking at w, or typing into it.
func IsTerminal(w any) bool {
	if s, ok := w.(Screen); ok {
		w = s.Writer
	}
	f, ok := w.(interface{ Fd() uintptr })
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// columns is the width of a terminal, 0 when it does not know its own: serial
// consoles say 0.
func columns(w io.Writer) int {
	f, ok := w.(interface{ Fd() uintptr })
	if !ok {
		return 0
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	return int(size.Col)
}
