package kmod

import "strings"

// alias says that a module serves whatever a pattern matches.
type alias struct{ pattern, module string }

// parseAlias reads modules.alias, "alias PATTERN NAME" a line, in its order.
func parseAlias(text string) []alias {
	var aliases []alias
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) != 3 || words[0] != "alias" {
			continue
		}
		aliases = append(aliases, alias{pattern: words[1], module: Name(words[2])})
	}
	return aliases
}

// match says whether a pattern covers all of s, as fnmatch(3) without flags:
// '*' and '?' also cover '/'. Outside brackets '-' and '_' are the same.
// Backtracking goes to the last '*' only, so time is len(pattern)*len(s) at
// most: patterns come from module files, and PID 1 must not hang on one.
func match(pattern, s string) bool {
	star, mark := -1, 0
	p, i := 0, 0
	for i < len(s) {
		if p < len(pattern) && pattern[p] == '*' {
			star, mark = p, i
			p++
			continue
		}
		if width := matchOne(pattern[p:], s[i]); width > 0 {
			p += width
			i++
			continue
		}
		if star < 0 {
			return false
		}
		mark++
		p, i = star+1, mark
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// matchOne gives the length of the pattern's first element if it covers c,
// else 0.
func matchOne(pattern string, c byte) int {
	if pattern == "" {
		return 0
	}
	switch pattern[0] {
	case '?':
		return 1
	case '[':
		if width, in := matchSet(pattern, c); width > 0 {
			return pick(in, width)
		}
	case '\\':
		if len(pattern) > 1 {
			return pick(pattern[1] == c, 2)
		}
	}
	return pick(fold(pattern[0]) == fold(c), 1)
}

func pick(ok bool, width int) int {
	if !ok {
		return 0
	}
	return width
}

func fold(c byte) byte {
	if c == '-' {
		return '_'
	}
	return c
}

// matchSet reads "[a-c]", "[!x]" or "[^x]" at the start of pattern; width is 0
// if the bracket never closes, which makes it an ordinary character. A ']' that
// comes first stands for itself (POSIX 2.13.1).
func matchSet(pattern string, c byte) (width int, in bool) {
	i := 1
	negate := i < len(pattern) && (pattern[i] == '!' || pattern[i] == '^')
	if negate {
		i++
	}
	for first := i; i < len(pattern); i++ {
		if pattern[i] == ']' && i > first {
			return i + 1, in != negate
		}
		low, high := pattern[i], pattern[i]
		if i+2 < len(pattern) && pattern[i+1] == '-' && pattern[i+2] != ']' {
			high = pattern[i+2]
			i += 2
		}
		in = in || low <= c && c <= high
	}
	return 0, false
}
