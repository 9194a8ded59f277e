package bls_test

import (
	"math"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"moss/bootloader/bls"
	"moss/internal/testutil"
)

func sign(n int) string { return map[bool]string{n < 0: "<", n == 0: "=", n > 0: ">"}[true] }

// The table was made with the loader's own code, as systemd-analyze carries it:
// the examples of the specification, chains from its tests, and random strings.
func TestCompareVersionAsSystemd(t *testing.T) {
	text, err := os.ReadFile("testdata/versions.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if got := sign(bls.CompareVersion(f[0], f[2])); got != f[1] {
			t.Errorf("got %q %s %q, want %s", f[0], got, f[2], f[1])
		}
		lines++
	}
	if lines < 1000 {
		t.Errorf("got %d lines, want the whole table", lines)
	}
}

// Where the specification's own examples speak, systemd agrees with them, but
// for the tilde.
func TestCompareVersionAsSpecified(t *testing.T) {
	for _, c := range []struct{ a, op, b string }{
		{"11", "=", "11"}, {"bar-123", "<", "foo-123"}, {"123a", ">", "123"}, {"123.a", ">", "123"},
		{"123.a", "<", "123.b"}, {"123a", ">", "123.a"}, {"11α", "=", "11β"}, {"A", "<", "a"},
		{"", "<", "0"}, {"0.", ">", "0"}, {"0.0", ">", "0"}, {"1_", "=", "1"}, {"_1", "=", "1"},
		{"1_", "<", "1.2"}, {"1_2_3", ">", "1.3.3"}, {"1+", "=", "1"}, {"1+2+3", ">", "1.3.3"},
		{"1~rc1", "<", "1"}, {"10", ">", "9"}, {"10-6.1", ">", "9-6.12"},
	} {
		if got := sign(bls.CompareVersion(c.a, c.b)); got != c.op {
			t.Errorf("got %q %s %q, want %s", c.a, got, c.b, c.op)
		}
	}
}

func versions() *rapid.Generator[string] {
	return rapid.StringOfN(rapid.RuneFrom([]rune("0129aAz.-~^_+é")), 0, 7, math.MaxInt)
}

func TestCompareVersionIsAnOrder(t *testing.T) {
	rapid.Check(testutil.Seeded(t), func(t *rapid.T) {
		a, b, c := versions().Draw(t, "a"), versions().Draw(t, "b"), versions().Draw(t, "c")
		checkOrder(t, bls.CompareVersion, a, b, c)
	})
}

// checkOrder holds for every total preorder.
func checkOrder[T any](t *rapid.T, compare func(a, b T) int, a, b, c T) {
	if compare(a, a) != 0 {
		t.Fatalf("%v differs from itself", a)
	}
	if sign(compare(a, b)) != sign(-compare(b, a)) {
		t.Fatalf("%v and %v: got %d one way, %d the other", a, b, compare(a, b), compare(b, a))
	}
	if compare(a, b) <= 0 && compare(b, c) <= 0 && compare(a, c) > 0 {
		t.Fatalf("%v <= %v <= %v, but the first is after the last", a, b, c)
	}
	if compare(a, b) == 0 && sign(compare(a, c)) != sign(compare(b, c)) {
		t.Fatalf("%v = %v, but they stand differently to %v", a, b, c)
	}
}

func FuzzCompareVersion(f *testing.F) {
	f.Add("123~rc1", "123", "123^1")
	f.Add("a-1.2", "a_1.2", "")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		ab, ba := bls.CompareVersion(a, b), bls.CompareVersion(b, a)
		if ab != -ba || bls.CompareVersion(a, a) != 0 {
			t.Errorf("%q, %q: got %d and %d", a, b, ab, ba)
		}
		if ab <= 0 && bls.CompareVersion(b, c) <= 0 && bls.CompareVersion(a, c) > 0 {
			t.Errorf("%q <= %q <= %q, but the first is after the last", a, b, c)
		}
	})
}
