package vm

import "unicode/utf8"

// terminal takes a stream apart into what a serial terminal would do with it.
// Sequences may be cut anywhere between two reads, so the state stays here.
type terminal struct {
	state   func(*terminal, byte)
	params  []byte
	partial []byte // a UTF-8 character that is not complete yet
	out     interface {
		put(r rune)
		control(b byte)
		sequence(final byte, params []byte)
	}
}

func (t *terminal) feed(data []byte) {
	for _, b := range data {
		if t.state == nil {
			t.plain(b)
		} else {
			t.state(t, b)
		}
	}
}

func (t *terminal) plain(b byte) {
	switch {
	case b == 0x1b:
		t.state = (*terminal).escape
	case b < 0x20 || b == 0x7f:
		t.out.control(b)
	case b < utf8.RuneSelf:
		t.partial = t.partial[:0]
		t.out.put(rune(b))
	default:
		t.multibyte(b)
	}
}

func (t *terminal) multibyte(b byte) {
	t.partial = append(t.partial, b)
	if !utf8.FullRune(t.partial) {
		return
	}
	r, _ := utf8.DecodeRune(t.partial)
	t.partial = t.partial[:0]
	t.out.put(r)
}

func (t *terminal) escape(b byte) {
	switch b {
	case '[':
		t.params, t.state = t.params[:0], (*terminal).csi
	case ']', 'P', '_', '^', 'X':
		t.state = (*terminal).text
	case '(', ')', '*', '+', '#', '%', ' ':
		t.state = (*terminal).skip
	default:
		t.state = nil
	}
}

func (t *terminal) csi(b byte) {
	switch {
	case b == 0x1b:
		t.state = (*terminal).escape
	case b >= 0x40 && b <= 0x7e:
		t.state = nil
		t.out.sequence(b, t.params)
	default:
		t.params = append(t.params, b)
	}
}

// text is an operating system command or another string: it ends with BEL or
// with ESC and one more byte. A line's end ends it too, so that one lost byte
// does not swallow the rest of the log.
func (t *terminal) text(b byte) {
	switch b {
	case 0x07, '\n':
		t.state = nil
	case 0x1b:
		t.state = (*terminal).skip
	}
}

func (t *terminal) skip(byte) { t.state = nil }
