package vm

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// lastLines is how much of the console an error shows.
const lastLines = 30

// Console is the guest's serial line: what the guest prints is kept as plain
// text, without terminal sequences, and matched in order; what is sent is typed.
type Console struct {
	*watch
	name string
	in   io.Writer
	out  syscall.RawConn
	log  io.Writer

	term   terminal
	screen screen
	text   []byte
	pos    int   // Expect has consumed the text before it
	panics bool  // a kernel panic does not end a wait
	end    error // set once, when no more text can come

	where func() string // says more of a machine that went silent; nil: nothing to say
}

// NewConsole reads out, a pipe or a terminal, until its end and copies every byte
// to log. A program on a pseudo terminal works as well as a serial port.
func NewConsole(name string, in io.Writer, out *os.File, log io.Writer) (*Console, error) {
	c, err := newConsole(name, newWatch(), in, out, log)
	if err != nil {
		return nil, err
	}
	go func() {
		c.read()
		c.close(fmt.Errorf("%s has ended", name))
	}()
	return c, nil
}

func newConsole(name string, w *watch, in io.Writer, out *os.File, log io.Writer) (*Console, error) {
	raw, err := out.SyscallConn()
	if err != nil {
		return nil, err
	}
	c := &Console{watch: w, name: name, in: in, out: raw, log: log}
	c.term.out = c
	return c, nil
}

// read takes what the guest prints until the end of the stream.
func (c *Console) read() {
	for more := true; more; {
		err := c.out.Read(func(fd uintptr) bool {
			c.Lock()
			defer c.Unlock()
			var some bool
			some, more = c.drain(int(fd))
			return some || !more
		})
		more = more && err == nil
	}
}

// drain takes everything that is in the pipe, with the lock held: so no byte is
// ever on its way between the pipe and the text, and an event that comes by
// another way can be placed exactly between two bytes.
func (c *Console) drain(fd int) (some, more bool) {
	buffer := make([]byte, 16<<10)
	for {
		n, err := unix.Read(fd, buffer)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			return some, true
		case err != nil || n == 0: // a terminal ends with EIO
			return some, false
		}
		// A log on a full disk must not end the machine: the text is kept here.
		_, _ = c.log.Write(buffer[:n])
		c.term.feed(buffer[:n])
		c.broadcast()
		some = true
	}
}

func (c *Console) close(reason error) {
	c.Lock()
	defer c.Unlock()
	if c.end == nil {
		c.end = reason
		c.broadcast()
	}
}

func (c *Console) put(r rune) {
	c.text = append(c.text, string(r)...)
	c.screen.put(r)
}

func (c *Console) control(b byte) {
	if b == '\n' || b == '\t' {
		c.text = append(c.text, b)
	}
	c.screen.control(b)
}

// sequence starts a new line in the text when the cursor jumps: firmware and
// boot menus print each line at its place and never send a line feed.
func (c *Console) sequence(final byte, params []byte) {
	if (final == 'H' || final == 'f') && !bytes.HasSuffix(c.text, []byte("\n")) {
		c.text = append(c.text, '\n')
	}
	c.screen.sequence(final, params)
}

// Send types keys. It fails when the guest has not read for ten seconds.
func (c *Console) Send(keys string) error {
	if d, ok := c.in.(interface{ SetWriteDeadline(time.Time) error }); ok {
		// A pipe that cannot have a deadline still takes 64 KiB at once.
		_ = d.SetWriteDeadline(time.Now().Add(10 * time.Second))
	}
	if _, err := io.WriteString(c.in, keys); err != nil {
		return fmt.Errorf("type at %s: %w", c.name, err)
	}
	return nil
}

// Line types text and Return.
func (c *Console) Line(text string) error { return c.Send(text + "\r") }

// Screen is what a terminal would show now, without empty last lines.
func (c *Console) Screen() []string {
	c.Lock()
	defer c.Unlock()
	return c.screen.lines()
}

// Text is everything printed so far as plain text.
func (c *Console) Text() string {
	c.Lock()
	defer c.Unlock()
	return string(c.text)
}

func (c *Console) tail() string {
	lines := strings.FieldsFunc(string(c.text), func(r rune) bool { return r == '\n' })
	return strings.Join(lines[max(0, len(lines)-lastLines):], "\n")
}

// openLog starts the machine's log anew: one run, one log.
func openLog(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
}
