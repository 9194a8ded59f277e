package vm

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// picture feeds a terminal and returns what it shows.
func picture(text string) []string {
	c := &Console{watch: newWatch()}
	c.term.out = c
	c.term.feed([]byte(text))
	return c.Screen()
}

func TestScreen(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"lines":           {"one\r\ntwo", "one|two"},
		"overwrite":       {"12345\rab", "ab345"},
		"backspace":       {"12\b\bx", "x2"},
		"tab":             {"a\tb", "a       b"},
		"position":        {"\x1b[2;3Hx\x1b[Hy", "y|  x"},
		"move":            {"\x1b[5;5Ha\x1b[A\x1b[2Db\x1b[2B\x1b[Cc", "|||   b|    a|     c"},
		"erase rest":      {"one\r\ntwo\r\nthree\x1b[2;2H\x1b[J", "one|t"},
		"erase all":       {"one\r\ntwo\x1b[2J\x1b[Hx", "x"},
		"erase before":    {"one\r\ntwo\x1b[2;1H\x1b[1J", "| wo"},
		"erase line":      {"one\x1b[2K", ""},
		"erase line rest": {"one\x1b[1;2H\x1b[K", "o"},
		"private modes":   {"\x1b[?25l\x1b[?2004hx", "x"},
		"out of range":    {"\x1b[999;999Hx\x1b[0;0Hy", "y" + strings.Repeat("|", screenRows-1) + strings.Repeat(" ", screenColumns-1) + "x"},
		"wrap":            {strings.Repeat("a", screenColumns) + "b", strings.Repeat("a", screenColumns) + "|b"},
		"two characters":  {"\x1b(B\x1b=\x1b7x", "x"},
	} {
		if diff := cmp.Diff(test.want, strings.Join(picture(test.text), "|")); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestScreenScrolls(t *testing.T) {
	got := picture(strings.Repeat("line\r\n", screenRows) + "last")
	if len(got) != screenRows || got[0] != "line" || got[screenRows-1] != "last" {
		t.Errorf("got %d lines, %q at the end", len(got), got[len(got)-1])
	}
}

func FuzzTerminal(f *testing.F) {
	for _, seed := range []string{"plain", "\x1b[2J\x1b[1;1H", "\x1b]0;x\x1b\\y", "\xff\xc3", "\x1b[99999999999999999999A", "\x1b[-5;-5H\x1b[-3Dx"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if lines := picture(string(data)); len(lines) > screenRows {
			t.Errorf("got %d lines, want at most %d", len(lines), screenRows)
		}
	})
}
