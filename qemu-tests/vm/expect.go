package vm

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"time"
)

// WaitError says what did not come, why the wait ended, and what the console
// showed last.
type WaitError struct {
	Machine string
	Want    string
	Cause   error
	Last    string // about thirty lines; after a time limit, where the processors stand
}

func (e *WaitError) Error() string {
	return fmt.Sprintf("%s: wait for %s: %v; the console ends with:\n%s", e.Machine, e.Want, e.Cause, e.Last)
}

func (e *WaitError) Unwrap() error { return e.Cause }

// Timeout reports whether the time limit ended the wait, rather than the
// machine.
func (e *WaitError) Timeout() bool { return errors.Is(e.Cause, errLimit) }

// PanicError is the cause of a WaitError when the guest's kernel panicked.
type PanicError struct{ Reason string }

func (e *PanicError) Error() string { return "kernel panic: " + e.Reason }

// Expect waits until text is printed and consumes everything up to its end, so
// that the next Expect looks only at what comes after it.
func (c *Console) Expect(text string, limit time.Duration) error {
	return c.consume(fmt.Sprintf("%q", text), limit, func(rest []byte) int {
		i := bytes.Index(rest, []byte(text))
		if i < 0 {
			return -1
		}
		return i + len(text)
	})
}

// ExpectMatch is Expect for a regular expression; it returns the match and its
// groups. An expression that may match nothing matches at once.
func (c *Console) ExpectMatch(re *regexp.Regexp, limit time.Duration) ([]string, error) {
	var groups []string
	err := c.consume(fmt.Sprintf("/%s/", re), limit, func(rest []byte) int {
		loc := re.FindSubmatchIndex(rest)
		if loc == nil {
			return -1
		}
		groups = submatches(rest, loc)
		return loc[1]
	})
	return groups, err
}

func submatches(text []byte, loc []int) []string {
	groups := make([]string, len(loc)/2)
	for i := range groups {
		if loc[2*i] >= 0 {
			groups[i] = string(text[loc[2*i]:loc[2*i+1]])
		}
	}
	return groups
}

// consume waits until find returns where a match ends in the unread text.
func (c *Console) consume(want string, limit time.Duration, find func(rest []byte) int) error {
	return c.until(want, limit, func() (bool, error) {
		if n := find(c.text[c.pos:]); n >= 0 {
			c.pos += n
			return true, nil
		}
		return false, nil
	})
}

// until is wait that ends early when nothing more can come, with an error that
// shows the console.
func (c *Console) until(want string, limit time.Duration, check func() (bool, error)) error {
	err := c.wait(limit, func() (bool, error) {
		done, err := check()
		if !done && err == nil {
			err = c.over()
		}
		return done, err
	})
	if err == nil {
		return nil
	}
	where := ""
	if c.where != nil && errors.Is(err, errLimit) {
		where = "\n" + c.where()
	}
	c.Lock()
	defer c.Unlock()
	return &WaitError{Machine: c.name, Want: want, Cause: err, Last: c.tail() + where}
}

// over is why no text can come any more, nil while it can. A panic is told once:
// its line is consumed, so that a test which expects it can wait for what follows.
func (c *Console) over() error {
	if c.panics {
		return c.end
	}
	_, after, found := bytes.Cut(c.text[c.pos:], []byte("Kernel panic - not syncing: "))
	reason, rest, whole := bytes.Cut(after, []byte("\n"))
	if !found || !whole {
		return c.end
	}
	c.pos = len(c.text) - len(rest)
	return &PanicError{string(reason)}
}
