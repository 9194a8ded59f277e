package ui

import (
	"strings"
	"unicode"
)

// Printable keeps a text that others wrote from speaking to the terminal:
// escape sequences, and marks that turn the reading direction, could hide what
// the rest of the output says. What cannot be shown becomes "?".
func Printable(s string) string {
	if plainASCII(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// plainASCII spares the common case a copy: lists have 100,000 lines.
func plainASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
