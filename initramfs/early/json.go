package early

import (
	"fmt"
	"strconv"
	"unicode/utf8"

	"moss/store/activate"
)

// jsonWriter writes JSON (RFC 8259) front to back; the caller balances what it
// opens.
type jsonWriter struct {
	out   []byte
	after bool // a value was just written: the next needs a comma
}

func (w *jsonWriter) separate() {
	if w.after {
		w.out = append(w.out, ',')
	}
	w.after = true
}

func (w *jsonWriter) open(bracket byte) {
	w.separate()
	w.out = append(w.out, bracket)
	w.after = false
}

func (w *jsonWriter) close(bracket byte) {
	w.out = append(w.out, bracket)
	w.after = true
}

func (w *jsonWriter) key(name string) *jsonWriter {
	w.text(name)
	w.out = append(w.out, ':')
	w.after = false
	return w
}

func (w *jsonWriter) raw(value string) {
	w.separate()
	w.out = append(w.out, value...)
}

func (w *jsonWriter) number(n int64) { w.raw(strconv.FormatInt(n, 10)) }

// id writes a state's number, null for none.
func (w *jsonWriter) id(id activate.ID) {
	if id == 0 {
		w.raw("null")
		return
	}
	w.raw(id.String())
}

// text escapes what JSON requires: quote, backslash, control characters. Bytes
// that are not UTF-8, which a name on a disk may hold, become U+FFFD.
func (w *jsonWriter) text(s string) {
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
