package bls_test

import (
	"testing"

	"moss/bootloader/bls"
)

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, id string
		want        bool
	}{
		{"", "", true}, {"abc", "abc", true}, {"b", "a", false}, {"b", "", false}, {"abc", "a", false}, {"a", "abc", false},
		{"a?c", "azc", true}, {"1?", "1", false}, {"***", "", true}, {"*", "123", true}, {"*b*", "abcd", true}, {"abc*d", "abc", false},
		{"*.conf", "arch.conf", true}, {"debian-*.*", "debian-wheezy.efi", true}, {"ab*cde", "abzcd", false}, {`\*\a\[`, "*a[", true}, {`a\`, "a", false},
		{"[abc] [abc]", "a c", true}, {"abc]", "abc]", true}, {"[abc]", "z", false}, {"[abc", "a", false}, {"[", "a", false}, {"[a]", "", false},
		{"[][!] [][!]", "[ !", true}, {"[]-] []-]", "] -", true}, {`[1\]] [1\]]`, "1 ]", true}, {`[$-\+]`, "&", true}, {`[a-\`, "b", false}, {`[\`, "b", false},
		{"[3-5]", "4", true}, {"[a-c-f]", "e", false}, {"[a-c-f]", "-", true}, {"[a-c-f]", "f", true}, {"[--0]", ".", true}, {"[f-l]", "m", false},
		{`[a\-z]`, "b", false}, {"?a*b[.-0]c", "/a/b/c", true},
		{"a*b*c", "abxbxc", true}, {"a*bc", "abcbc", true}, {"a*bc", "abcb", false}, {"*aab", "aaab", true},
		{"M-1*.CONF", "m-1+3.conf", true}, {"m-1.conf", "M-1.conf", true},
	} {
		if got := bls.Match(c.pattern, c.id); got != c.want {
			t.Errorf("%q against %q: got %v, want %v", c.pattern, c.id, got, c.want)
		}
	}
}
