package image

import (
	"cmp"
	"strings"
)

// compareVersions orders kernel versions as the boot menu does (UAPI Version
// Format Specification): 6.9 before 6.10, 6.1.0~rc1 before 6.1.0.
func compareVersions(a, b string) int {
	for {
		a, b = strings.TrimLeftFunc(a, separator), strings.TrimLeftFunc(b, separator)
		for _, mark := range []string{"~", "", "-", "^", "."} {
			if mark == "" && (a == "" || b == "") {
				return cmp.Compare(len(a), len(b))
			}
			hasA, hasB := mark != "" && strings.HasPrefix(a, mark), mark != "" && strings.HasPrefix(b, mark)
			if hasA != hasB {
				return order(hasB)
			}
			if hasA {
				a, b = a[1:], b[1:]
			}
		}
		var c int
		if a, b, c = compareRun(a, b); c != 0 {
			return c
		}
	}
}

// compareRun compares and cuts the digits, or if there are none the letters, at
// the start of both.
func compareRun(a, b string) (restA, restB string, c int) {
	in := letter
	if a != "" && digit(rune(a[0])) || b != "" && digit(rune(b[0])) {
		in = digit
		a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	}
	runA, runB := a[:prefix(a, in)], b[:prefix(b, in)]
	if in('0') {
		c = cmp.Compare(len(runA), len(runB))
	}
	if c == 0 {
		c = strings.Compare(runA, runB)
	}
	return a[len(runA):], b[len(runB):], c
}

func prefix(s string, in func(rune) bool) int {
	if i := strings.IndexFunc(s, func(r rune) bool { return !in(r) }); i >= 0 {
		return i
	}
	return len(s)
}

func order(aIsNewer bool) int {
	if aIsNewer {
		return 1
	}
	return -1
}

func digit(r rune) bool  { return '0' <= r && r <= '9' }
func letter(r rune) bool { return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' }
func separator(r rune) bool {
	return !digit(r) && !letter(r) && !strings.ContainsRune("-.~^", r)
}
