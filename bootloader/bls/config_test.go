package bls_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"moss/bootloader/bls"
	"moss/internal/testutil"
)

func TestConfigDefault(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "",
		"timeout 5\n":                    "",
		"default a*\n":                   "a*",
		"default a\n\tdefault  \"b c\"":  "b c",
		"default a\ndefault @bogus\n":    "a",
		"default @SAVED\n":               "@SAVED",
		"#default a\ndefaults b\n":       "",
		"timeout 5\rdefault a\rbeep on":  "a",
		"default a\n\x00default b\n":     "a",
		"default-x a\ndefault\ntitle x ": "",
	} {
		if got := bls.ConfigDefault([]byte(text)); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestWithDefault(t *testing.T) {
	for _, c := range []struct{ conf, pattern, want string }{
		{"", "m*", "default m*\n"},
		{"timeout 5\n", "m*", "timeout 5\ndefault m*\n"},
		{"timeout 5", "m*", "timeout 5\ndefault m*\n"},
		{"# mine\r\n\tdefault\told\r\ntimeout 5\r\n", "m*", "# mine\r\ndefault m*\r\ntimeout 5\r\n"},
		{"default a\nbeep on\ndefault b\n", "m*", "default a\nbeep on\ndefault m*\n"},
		{"default a\ndefault @bogus\n", "m*", "default m*\ndefault @bogus\n"},
		{"default @saved", "m*", "default m*"},
		{"default a\nbeep on\ndefault b", "", "beep on\n"},
		{"beep on", "", "beep on"},
		{"", "", ""},
		{"\x00\x00", "m*", "default m*\n\x00\x00"},
		{"timeout 5\x00junk", "m*", "timeout 5\ndefault m*\n\x00junk"},
	} {
		if got := string(bls.WithDefault([]byte(c.conf), c.pattern)); got != c.want {
			t.Errorf("%q with %q: got %q, want %q", c.conf, c.pattern, got, c.want)
		}
	}
}

func TestWithDefaultKeepsEverythingElse(t *testing.T) {
	line := rapid.SampledFrom([]string{"timeout 5\n", "# default x\n", "default a\n", " default\tb\r", "console-mode max\r\n", "\n", "defaults c\n", "junk"})
	rapid.Check(testutil.Seeded(t), func(t *rapid.T) {
		conf := strings.Join(rapid.SliceOf(line).Draw(t, "lines"), "")
		set := bls.WithDefault([]byte(conf), "m-1*")
		if got := bls.ConfigDefault(set); got != "m-1*" {
			t.Fatalf("got default %q in %q", got, set)
		}
		if again := bls.WithDefault(set, "m-1*"); string(again) != string(set) {
			t.Fatalf("got %q the second time, want %q", again, set)
		}
		clear := func(text []byte) string { return strings.TrimRight(string(bls.WithDefault(text, "")), "\n") }
		if got, want := clear(set), clear([]byte(conf)); got != want {
			t.Fatalf("set and cleared: got %q, want %q", got, want)
		}
	})
}
