package system

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"moss/internal/testutil"
	"moss/internal/ui"
)

func ptr[T any](v T) *T { return &v }

func defaults() Config { return Config{Keep: Policy{States: 10}, Menu: 5, Sign: SignAuto} }

func TestParseConfig(t *testing.T) {
	day := 24 * time.Hour
	for text, want := range map[string]func(*Config){
		"":                                func(*Config) {},
		"# nothing\n":                     func(*Config) {},
		"keep: {}":                        func(*Config) {},
		"keep: {states: 3}":               func(c *Config) { c.Keep = Policy{States: 3} },
		"keep: {states: 3, age: 30d}":     func(c *Config) { c.Keep = Policy{States: 3, Age: 30 * day} },
		"keep:\n  age: 2w\n":              func(c *Config) { c.Keep = Policy{Age: 14 * day} },
		"keep: {states: 1, age: 12h}\n\n": func(c *Config) { c.Keep = Policy{States: 1, Age: day / 2} },
		"tries: 0":                        func(c *Config) { c.Tries = ptr(uint(0)) },
		"tries: 99\nmenu: 50\n":           func(c *Config) { c.Tries, c.Menu = ptr(uint(99)), 50 },
		"menu: 1\nrescue: yes\nuki: true": func(c *Config) { c.Menu, c.Rescue, c.UKI = 1, true, true },
		"rescue: no\nsign: yes\n":         func(c *Config) { c.Sign = SignYes },
		"sign: no":                        func(c *Config) { c.Sign = SignNo },
		"sign: auto\r\nmenu: 7\r\n":       func(c *Config) { c.Menu = 7 },
	} {
		expected := defaults()
		want(&expected)
		got, err := parseConfig([]byte(text), defaults())
		if diff := cmp.Diff(expected, got); err != nil || diff != "" {
			t.Errorf("%q: %v, -want +got\n%s", text, err, diff)
		}
	}
}

// TestWrongConfigNamesItsKey: the administrator reads which file, line and key.
func TestWrongConfigNamesItsKey(t *testing.T) {
	for text, words := range map[string][]string{
		"keep: {states: 0}":          {"line 1", "keep: states", `"0"`},
		"keep: {states: -1}":         {"keep: states"},
		"keep: {states: many}":       {"keep: states", `"many"`},
		"keep: {states: 3, days: 3}": {"keep: days"},
		"\nkepe: {states: 3}":        {"line 2", "kepe", "want keep, tries"},
		"keep: {age: 30}":            {"keep: age"},
		"keep: {age: d}":             {"keep: age"},
		"keep: {age: 1y}":            {"keep: age"},
		"keep: {age: -1d}":           {"keep: age"},
		"keep: {age: 99999999w}":     {"keep: age"},
		"keep: {age: [1d]}":          {"keep: age"},
		"keep: 3":                    {"keep:"},
		"tries: 100":                 {"tries", "0 to 99"},
		"tries: -1":                  {"tries"},
		"tries: 010":                 {"tries", `"010"`},
		"tries:":                     {"tries"},
		"menu: 0":                    {"menu", "1 to 50"},
		"menu: 51":                   {"menu"},
		"menu: [5]":                  {"menu", "a list"},
		"rescue: maybe":              {"rescue", "yes or no"},
		"uki: {a: b}":                {"uki", "a mapping"},
		"sign: never":                {"sign", "yes, no or auto"},
		"menu: 5\nmenu: 6":           {"menu"},
		"menu: 5\n---\nmenu: 6":      {"more than one document"},
		"\x00":                       {},
		"keep: [":                    {},
	} {
		root := t.TempDir()
		testutil.Tree{"etc/moss/moss.yaml": text}.Create(t, root)
		_, err := ReadConfig(root)
		if ExitCode(err) != exitRefused || ui.Hint(err) == "" {
			t.Errorf("%q: got %v, want a refusal with a hint", text, err)
			continue
		}
		for _, word := range append(words, root+"/etc/moss/moss.yaml") {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%q: %q does not say %q", text, err, word)
			}
		}
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %q is more than one line", text, err)
		}
	}
}

// TestAdministratorComesLast: key by key; and a vendor's mistake does not lock the
// way to another state.
func TestAdministratorComesLast(t *testing.T) {
	root := t.TempDir()
	testutil.Tree{
		"usr/lib/moss/moss.yaml": "menu: 3\nrescue: yes\ntries: 7\nkeep: {states: 2}\n",
		"etc/moss/moss.yaml":     "menu: 9\n",
	}.Create(t, root)
	want := defaults()
	want.Menu, want.Rescue, want.Keep = 9, true, Policy{States: 2}
	got, err := ReadConfig(root)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v, -want +got\n%s", err, diff)
	}
	testutil.Tree{"usr/lib/moss/moss.yaml": "menu: 3\nfuture: yes\n"}.Create(t, root)
	got, err = ReadConfig(root)
	if err != nil || got.Menu != 9 || got.Rescue || len(got.Warnings) != 1 || !strings.Contains(got.Warnings[0], "future") {
		t.Errorf("got %+v, %v, want the vendor's file left out with a warning", got, err)
	}
	if p, err := ReadPolicy(t.TempDir()); err != nil || p.States != 10 {
		t.Errorf("without a file: got %+v, %v", p, err)
	}
}

func TestTriesOfAState(t *testing.T) {
	bless := testutil.Tree{"lib/systemd/system/moss-bless.service": "[Unit]\n"}
	for _, c := range []struct {
		name  string
		admin *uint
		tree  testutil.Tree
		own   string
		want  uint
	}{
		{name: "nothing blesses", want: 0},
		{name: "something blesses", tree: bless, want: 3},
		{name: "the state says", tree: bless, own: "tries: 7", want: 7},
		{name: "the state says no", tree: bless, own: "tries: 0", want: 0},
		{name: "the state says, nothing blesses", own: "tries: 2", want: 2},
		{name: "the state says something else", tree: bless, own: "menu: 3", want: 3},
		{name: "the administrator says", admin: ptr(uint(1)), tree: bless, own: "tries: 7", want: 1},
		{name: "the administrator says no", admin: ptr(uint(0)), tree: bless, want: 0},
		{name: "the state's file is wrong", tree: bless, own: "tries: lots", want: 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			usr := t.TempDir()
			c.tree.Create(t, usr)
			if c.own != "" {
				testutil.Tree{"lib/moss/moss.yaml": c.own}.Create(t, usr)
			}
			var said []string
			got := triesOf(Config{Tries: c.admin}, usr, func(line string) { said = append(said, line) })
			if got != c.want || (len(said) > 0) != strings.Contains(c.own, "lots") {
				t.Errorf("got %d, %q, want %d", got, said, c.want)
			}
		})
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add([]byte("keep: {states: 3, age: 30d}\ntries: 3\nmenu: 5\nrescue: no\nuki: yes\nsign: auto\n"))
	f.Add([]byte("a: &a [1]\nmenu: *a\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parseConfig(data, defaults())
		if err != nil {
			return
		}
		if c.Keep.States < 0 || c.Keep.Age < 0 || c.Keep.Age > maxAge || c.Menu < 1 || c.Menu > maxMenu || c.Tries != nil && *c.Tries > maxTries ||
			c.Sign != SignAuto && c.Sign != SignYes && c.Sign != SignNo {
			t.Errorf("%q: got %+v", data, c)
		}
	})
}
