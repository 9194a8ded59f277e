package bls

import (
	"bytes"
	"iter"
	"strings"
)

const blank = " \t"

// pairs yields the keys and values of an entry or of loader.conf, as the
// loader's line_get_key_value does. The loader handles the file as a C string,
// so a NUL ends it.
//
// One difference: in 252 a line of nothing but blanks runs past its own end and
// swallows what follows. Later loaders skip it, and so does this; nothing that
// is written here has such a line.
func pairs(data []byte) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		text, _, _ := bytes.Cut(data, []byte{0})
		for _, line := range bytes.FieldsFunc(text, lineEnd) {
			key, value, ok := pair(string(line))
			if ok && !yield(key, value) {
				return
			}
		}
	}
}

func lineEnd(r rune) bool { return r == '\n' || r == '\r' }

// pair is false for a comment and for a line without a value.
func pair(line string) (key, value string, ok bool) {
	line = strings.Trim(line, blank)
	end := strings.IndexAny(line, blank)
	if end < 0 || line[0] == '#' {
		return "", "", false
	}
	return line[:end], unquote(strings.TrimLeft(line[end:], blank)), true
}

// unquote takes a lone quote for both the opening and the closing one.
func unquote(value string) string {
	if !strings.HasPrefix(value, `"`) || !strings.HasSuffix(value, `"`) {
		return value
	}
	return strings.TrimSuffix(value[1:], `"`)
}
