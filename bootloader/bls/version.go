package bls

import (
	"cmp"
	"strings"
)

// CompareVersion compares two versions: negative when a is older, positive when
// it is newer, 0 when no rule tells them apart ("1_" and "1").
//
// It is the Version Format Specification 1 of the UAPI group as systemd 252
// carries it out (strverscmp_improved, the same code in the loader and in
// "systemd-analyze compare-versions"). Two points in which the code differs
// from the specification's text: a tilde is older than the end of the string
// (1~rc1 < 1), and a caret is older than a dot or a letter (1^1 < 1.1).
func CompareVersion(a, b string) int {
	for {
		a, b = skipOther(a), skipOther(b)
		if order := marker(&a, &b, '~'); order != 0 {
			return order
		}
		if a == "" || b == "" {
			return cmp.Compare(len(a), len(b))
		}
		for _, mark := range []byte("-^.") {
			if order := marker(&a, &b, mark); order != 0 {
				return order
			}
		}
		if order := segment(&a, &b); order != 0 {
			return order
		}
	}
}

// marker takes one mark off both strings, or finds the one that has it older.
func marker(a, b *string, mark byte) int {
	inA, inB := begins(*a, mark), begins(*b, mark)
	switch {
	case inA && inB:
		*a, *b = (*a)[1:], (*b)[1:]
	case inA:
		return -1
	case inB:
		return 1
	}
	return 0
}

func begins(s string, mark byte) bool { return s != "" && s[0] == mark }

// segment takes the leading numbers off both strings when either begins with a
// digit, else the leading words; both may be empty.
func segment(a, b *string) int {
	if digits(*a) == 0 && digits(*b) == 0 {
		return cmp.Compare(cut(a, letters(*a)), cut(b, letters(*b)))
	}
	one, two := cut(a, digits(*a)), cut(b, digits(*b))
	if (one == "") != (two == "") {
		return cmp.Compare(len(one), len(two))
	}
	// Without parsing: a number of any length fits.
	one, two = strings.TrimLeft(one, "0"), strings.TrimLeft(two, "0")
	return cmp.Or(cmp.Compare(len(one), len(two)), cmp.Compare(one, two))
}

func cut(s *string, n int) string {
	head := (*s)[:n]
	*s = (*s)[n:]
	return head
}

func skipOther(s string) string {
	return s[run(s, func(c byte) bool { return !digit(c) && !letter(c) && strings.IndexByte("~-^.", c) < 0 }):]
}

func digits(s string) int  { return run(s, digit) }
func letters(s string) int { return run(s, letter) }

func run(s string, in func(byte) bool) int {
	n := 0
	for n < len(s) && in(s[n]) {
		n++
	}
	return n
}

func digit(c byte) bool  { return '0' <= c && c <= '9' }
func letter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
