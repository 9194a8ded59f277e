package cmdline_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moss/internal/cmdline"
)

func flag(key string) cmdline.Param { return cmdline.Param{Key: key} }
func with(key, value string) cmdline.Param {
	return cmdline.Param{Key: key, Value: value, HasValue: true}
}

var lines = []struct {
	name, text string
	want       []cmdline.Param
	init       []string
}{
	{name: "empty", text: ""},
	{name: "only blanks", text: " \t\n"},
	{name: "flags and values", text: "ro  quiet\troot=/dev/vda2\n",
		want: []cmdline.Param{flag("ro"), flag("quiet"), with("root", "/dev/vda2")}},
	{name: "first equals sign cuts", text: "root=UUID=ab-cd", want: []cmdline.Param{with("root", "UUID=ab-cd")}},
	{name: "empty value", text: "x=", want: []cmdline.Param{with("x", "")}},
	{name: "quoted value", text: `a="b c" d`, want: []cmdline.Param{with("a", "b c"), flag("d")}},
	{name: "quoted whole", text: `"dyndbg=a b" d`, want: []cmdline.Param{with("dyndbg", "a b"), flag("d")}},
	{name: "quote inside a value stays", text: `a=b"c d"e`, want: []cmdline.Param{with("a", `b"c d"e`)}},
	{name: "quote not at the front stays", text: `a=b"c d"`, want: []cmdline.Param{with("a", `b"c d"`)}},
	{name: "lone quote as value", text: `x="`, want: []cmdline.Param{with("x", "")}},
	{name: "unbalanced quote takes the rest", text: `a="b c d`, want: []cmdline.Param{with("a", "b c d")}},
	{name: "empty quotes", text: `x="" y`, want: []cmdline.Param{with("x", ""), flag("y")}},
	{name: "quotes alone", text: `"" y`, want: []cmdline.Param{flag(""), flag("y")}},
	{name: "one quote alone", text: `"`, want: []cmdline.Param{flag("")}},
	{name: "only one closing quote comes off", text: `"x="y"`, want: []cmdline.Param{with("x", "y")}},
	{name: "equals sign in front is no separator", text: "=x =a=b", want: []cmdline.Param{flag("=x"), with("=a", "b")}},
	{name: "no-break space of Latin-1", text: "a\xa0b", want: []cmdline.Param{flag("a"), flag("b")}},
	{name: "init's part", text: `ro -- single "a b=c" d="e f"`, want: []cmdline.Param{flag("ro")},
		init: []string{"single", "a b=c", "d=e f"}},
	{name: "a value named -- is no end", text: "--=1 ro", want: []cmdline.Param{with("--", "1"), flag("ro")}},
}

func TestParse(t *testing.T) {
	for _, tt := range lines {
		t.Run(tt.name, func(t *testing.T) {
			got := cmdline.Parse(tt.text)
			if diff := cmp.Diff(cmdline.Line{Params: tt.want, Init: tt.init}, got); diff != "" {
				t.Errorf("Parse(%q): -want +got\n%s", tt.text, diff)
			}
		})
	}
}

func TestLookUp(t *testing.T) {
	line := cmdline.Parse("root=/dev/a init-arg=1 init_arg=2 ro root=/dev/b rw -- rw=no")
	if got, ok := line.Last("root"); got != "/dev/b" || !ok {
		t.Errorf("got %q, %v, want the last root=", got, ok)
	}
	if got := line.All("root"); !cmp.Equal(got, []string{"/dev/a", "/dev/b"}) {
		t.Errorf("got %q, want both in order", got)
	}
	if got := line.All("init_arg"); !cmp.Equal(got, []string{"1", "2"}) {
		t.Errorf("got %q, want - and _ to be equal in keys", got)
	}
	if got, ok := line.Last("rw"); got != "" || !ok {
		t.Errorf("got %q, %v, want the flag, not init's argument", got, ok)
	}
	if line.Has("Root") || line.Has("roo") {
		t.Error("a key matched that is not on the line")
	}
}

func TestModuleParameters(t *testing.T) {
	line := cmdline.Parse(`usb-storage.quirks=a:b:c usb_storage.delay_use=1 dyn.dbg="file x +p" drm.debug moss.fstx=3 a.b.c=d .x=1 y.=2 root=z`)
	want := map[string]string{
		"usb_storage": "quirks=a:b:c delay_use=1",
		"dyn":         `dbg="file x +p"`,
		"drm":         "debug",
		"moss":        "fstx=3",
		"a":           "b.c=d",
	}
	if diff := cmp.Diff(want, line.Modules()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// FuzzParse holds what every line must keep: no byte of a word is invented, and
// a line built from plain words comes back unchanged.
func FuzzParse(f *testing.F) {
	for _, tt := range lines {
		f.Add(tt.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		line := cmdline.Parse(text)
		total := 0
		for _, p := range line.Params {
			total += len(p.String())
			if !strings.Contains(text, p.Key) || !strings.Contains(text, p.Value) {
				t.Errorf("%q holds %q, which is not on the line", text, p)
			}
		}
		if total > len(text) {
			t.Errorf("%q grew from %d to %d bytes", text, len(text), total)
		}
		line.Modules()
		if strings.Contains(text, `"`) || strings.Contains(text, "\xa0") {
			return
		}
		again := cmdline.Parse(text + " x.y")
		if len(line.Init) == 0 && !strings.Contains(text, "--") && len(again.Params) != len(strings.FieldsFunc(text, asciiBlank))+1 {
			t.Errorf("%q: got %d words", text, len(again.Params)-1)
		}
	})
}

func asciiBlank(r rune) bool { return r == ' ' || (r >= '\t' && r <= '\r') }
