package bls

import (
	"bytes"
	"strings"
)

// ConfigDefault is the value of "default" in a loader.conf, "" without one. The
// last line wins; a value that begins with "@" counts only when it is "@saved",
// for the loader refuses any other.
func ConfigDefault(conf []byte) string {
	pattern := ""
	for key, value := range pairs(conf) {
		if key == "default" && (!strings.HasPrefix(value, "@") || strings.EqualFold(value, saved)) {
			pattern = value
		}
	}
	return pattern
}

// WithDefault returns conf with pattern as its only "default", in the place of
// the first one that was there. An empty pattern takes the key out. All other
// lines keep every byte, and so does what follows a NUL: the loader stops there
// (a power cut can leave a file of zeros), so the key goes before it.
func WithDefault(conf []byte, pattern string) []byte {
	seen, hidden := conf, []byte(nil)
	if nul := bytes.IndexByte(conf, 0); nul >= 0 {
		seen, hidden = conf[:nul], conf[nul:]
	}
	var out []byte
	put := func() {
		if pattern != "" {
			out = append(out, "default "+pattern+"\n"...)
		}
		pattern = ""
	}
	for _, line := range splitLines(seen) {
		if key, _, ok := pair(strings.TrimRight(string(line), "\r\n")); ok && key == "default" {
			put()
		} else {
			out = append(out, line...)
		}
	}
	if n := len(out); n > 0 && pattern != "" && !lineEnd(rune(out[n-1])) {
		out = append(out, '\n')
	}
	put()
	return append(out, hidden...)
}

// splitLines keeps the line ends, of which CR is one for the loader.
func splitLines(text []byte) [][]byte {
	var lines [][]byte
	start := 0
	for i, c := range text {
		if lineEnd(rune(c)) {
			lines = append(lines, text[start:i+1])
			start = i + 1
		}
	}
	if start < len(text) {
		lines = append(lines, text[start:])
	}
	return lines
}
