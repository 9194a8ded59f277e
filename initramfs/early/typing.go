package early

import (
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// typing is a line that a person types. A terminal in its usual mode tells of it
// when it is complete; here the first key counts, so that no time runs out under
// the hands of somebody who looks up a UUID. The echo and the corrections are made
// here instead.
type typing struct {
	tty   *os.File
	usual *unix.Termios // nil for what is no terminal
	text  []byte
	begun bool
}

// longestLine is the longest that a terminal gives (N_TTY_BUF_SIZE).
const longestLine = 4096

func newTyping(tty *os.File) *typing {
	in := &typing{tty: tty}
	mode, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		return in
	}
	in.usual = mode
	raw := *mode
	raw.Lflag &^= unix.ICANON | unix.ECHO
	raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
	_ = unix.IoctlSetTermios(int(tty.Fd()), unix.TCSETS, &raw)
	return in
}

// end gives the terminal back as it was; what is typed already stays in it.
func (in *typing) end() {
	if in.usual != nil {
		_ = unix.IoctlSetTermios(int(in.tty.Fd()), unix.TCSETS, in.usual)
	}
}

// key takes one byte; done: the line is complete.
func (in *typing) key() (text string, done bool, err error) {
	one := make([]byte, 1)
	if n, err := in.tty.Read(one); n != 1 || err != nil {
		return "", false, errNobody // a console that hung up
	}
	in.begun = true
	switch c := one[0]; {
	case c == '\n' || c == '\r':
		in.echo("\n")
		return strings.TrimSpace(string(in.text)), true, nil
	case c == '\b' || c == 0x7f:
		if len(in.text) > 0 {
			_, size := utf8.DecodeLastRune(in.text)
			in.text = in.text[:len(in.text)-size]
			in.echo("\b \b")
		}
	case c == 'U'-'@': // Ctrl-U
		in.echo(strings.Repeat("\b \b", utf8.RuneCount(in.text)))
		in.text = in.text[:0]
	case c >= ' ' && len(in.text) < longestLine:
		in.text = append(in.text, c)
		in.echo(string(one))
	}
	return "", false, nil
}

func (in *typing) echo(text string) {
	if in.usual != nil {
		_, _ = in.tty.WriteString(text)
	}
}
