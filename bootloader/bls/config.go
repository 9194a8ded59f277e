package bls

import (
	"bytes"
	"slices"
	"strings"
)

// ConfigDefault is the value of "default" in a loader.conf, "" without one. The
// last line wins; a value that begins with "@" counts only when it is "@saved",
// for the loader refuses any other.
func ConfigDefault(conf []byte) string {
	pattern := ""
	for key, value := range pairs(conf) {
		if key == "default" && counts(value) {
			pattern = value
		}
	}
	return pattern
}

func counts(value string) bool {
	return !strings.HasPrefix(value, "@") || strings.EqualFold(value, saved)
}

// WithDefault returns conf with pattern as its "default". Of the lines that say
// "default" only the one that counts is changed, and it keeps its line end; with
// none, a line is added. An empty pattern takes all of them out. Everything else
// keeps every byte, and so does what follows a NUL: the loader stops there (a
// power cut can leave a file of zeros), so an added line goes before it.
func WithDefault(conf []byte, pattern string) []byte {
	seen, hidden := conf, []byte(nil)
	if nul := bytes.IndexByte(conf, 0); nul >= 0 {
		seen, hidden = conf[:nul], conf[nul:]
	}
	lines := splitLines(seen)
	at, last := defaults(lines)
	switch {
	case pattern == "":
		for _, i := range at {
			lines[i] = nil
		}
	case last >= 0:
		end := len(bytes.TrimRight(lines[last], "\r\n"))
		lines[last] = append([]byte("default "+pattern), lines[last][end:]...)
	default:
		if n := len(lines); n > 0 && !lineEnd(rune(seen[len(seen)-1])) {
			lines[n-1] = append(bytes.Clone(lines[n-1]), '\n')
		}
		lines = append(lines, []byte("default "+pattern+"\n"))
	}
	return slices.Concat(append(lines, hidden)...)
}

// defaults finds the lines with the key "default", and the last that counts, -1
// for none.
func defaults(lines [][]byte) (all []int, last int) {
	last = -1
	for i, line := range lines {
		key, value, ok := pair(strings.TrimRight(string(line), "\r\n"))
		if !ok || key != "default" {
			continue
		}
		all = append(all, i)
		if counts(value) {
			last = i
		}
	}
	return all, last
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
