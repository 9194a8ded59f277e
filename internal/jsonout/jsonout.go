// Package jsonout writes JSON (RFC 8259) by hand. It is for what PID 1 leaves to
// be read by others: encoding/json would add a seventh to its size.
package jsonout

import (
	"fmt"
	"strconv"
	"unicode/utf8"
)

// Writer writes front to back; the caller balances what it opens. The zero value
// is ready.
type Writer struct {
	out   []byte
	after bool // a value was just written: the next needs a comma
}

// Bytes is what was written so far.
func (w *Writer) Bytes() []byte { return w.out }

func (w *Writer) separate() {
	if w.after {
		w.out = append(w.out, ',')
	}
	w.after = true
}

// Open begins an object or an array; bracket is { or [.
func (w *Writer) Open(bracket byte) {
	w.separate()
	w.out = append(w.out, bracket)
	w.after = false
}

// Close ends what Open began; bracket is } or ].
func (w *Writer) Close(bracket byte) {
	w.out = append(w.out, bracket)
	w.after = true
}

// Key writes the name of the value that is written next.
func (w *Writer) Key(name string) *Writer {
	w.Text(name)
	w.out = append(w.out, ':')
	w.after = false
	return w
}

// Raw writes a value that is JSON already.
func (w *Writer) Raw(value string) {
	w.separate()
	w.out = append(w.out, value...)
}

// Null writes null.
func (w *Writer) Null() { w.Raw("null") }

// Number writes n.
func (w *Writer) Number(n int64) { w.Raw(strconv.FormatInt(n, 10)) }

// Bool writes true or false.
func (w *Writer) Bool(b bool) { w.Raw(strconv.FormatBool(b)) }

// Text escapes what JSON requires: quote, backslash, control characters. Bytes
// that are not UTF-8, which a name on a disk may hold, become U+FFFD.
func (w *Writer) Text(s string) {
	w.separate()
	w.out = append(w.out, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			w.out = append(w.out, '\\', byte(r))
		case r < 0x20 || r == 0x7f:
			w.out = fmt.Appendf(w.out, `\u%04x`, r)
		default:
			w.out = utf8.AppendRune(w.out, r)
		}
	}
	w.out = append(w.out, '"')
}

// Texts writes an array of texts, [] for nil.
func (w *Writer) Texts(all []string) {
	w.Open('[')
	for _, one := range all {
		w.Text(one)
	}
	w.Close(']')
}
