package system

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"moss/internal/cmdline"
	"moss/internal/testutil"
	"moss/internal/ui"
)

const someKernel = "6.1.0-1-test"

// system makes a root whose state is elsewhere, as an archived one is.
func someSystem(t *testing.T, root, usr testutil.Tree) view {
	t.Helper()
	dir := t.TempDir()
	v := view{dir, dir + "/.moss/root/3/usr"}
	testutil.Tree{"etc/": "", ".moss/root/3/usr/": ""}.Create(t, dir)
	root.Create(t, v.root)
	usr.Create(t, v.usr)
	return v
}

func TestSnippets(t *testing.T) {
	const vendor, own, admin = "lib/kernel/cmdline.d/", "lib/kernel/" + someKernel + "/", "etc/kernel/cmdline.d/"
	for _, c := range []struct {
		name      string
		usr, root testutil.Tree
		want      string
		warning   string
	}{
		{name: "none"},
		{name: "three places, each sorted", usr: testutil.Tree{vendor + "20-b.cmdline": "b", vendor + "10-a.cmdline": "a", own + "5-k.cmdline": "k"},
			root: testutil.Tree{admin + "1-z.cmdline": "z"}, want: "a b k z"},
		{name: "capitals sort as small letters", usr: testutil.Tree{vendor + "B.cmdline": "b", vendor + "a.cmdline": "a", vendor + "C.cmdline": "c"}, want: "a b c"},
		{name: "comments, CRLF, no last newline, blank lines", usr: testutil.Tree{vendor + "a.cmdline": "# no\r\n\r\n  a\tb  \r\n # no\nc=#yes"}, want: "a b c=#yes"},
		{name: "quotes hold blanks", usr: testutil.Tree{vendor + "a.cmdline": `dyndbg="file x +p" "a=b  c"`}, want: `dyndbg="file x +p" "a=b  c"`},
		{name: "a link to /dev/null masks", usr: testutil.Tree{vendor + "a.cmdline": "a", vendor + "b.cmdline": "b"}, root: testutil.Tree{admin + "a.cmdline": "-> /dev/null"}, want: "b"},
		{name: "a relative one too", usr: testutil.Tree{vendor + "a.cmdline": "a"}, root: testutil.Tree{admin + "a.cmdline": "-> ../../../dev/null"}},
		{name: "an empty file masks", usr: testutil.Tree{vendor + "a.cmdline": "a"}, root: testutil.Tree{admin + "a.cmdline": ""}},
		{name: "a mask works on the kernel's own", usr: testutil.Tree{own + "a.cmdline": "a"}, root: testutil.Tree{admin + "a.cmdline": "-> /dev/null"}},
		{name: "a file of the same name is added", usr: testutil.Tree{vendor + "a.cmdline": "a=1"}, root: testutil.Tree{admin + "a.cmdline": "a=2"}, want: "a=1 a=2"},
		{name: "the vendor masks its own", usr: testutil.Tree{vendor + "a.cmdline": "-> /dev/null", vendor + "b.cmdline": ""}},
		{name: "other and hidden files", usr: testutil.Tree{vendor + "README": "no", vendor + ".a.cmdline": "no", vendor + "a.cmdline~": "no"}},
		{name: "init's words are last", usr: testutil.Tree{vendor + "a.cmdline": "a -- single\nx=1", vendor + "b.cmdline": "b"},
			root: testutil.Tree{admin + "c.cmdline": "c \"--\" y"}, want: "a b c OWN -- single x=1 y"},
		{name: "a link means the state's own tree", usr: testutil.Tree{vendor + "a.cmdline": "-> /usr/share/line", "share/line": "mine"}, root: testutil.Tree{"usr/share/line": "the live one's"}, want: "mine"},
		{name: "a link to a folder", usr: testutil.Tree{"lib/kernel/cmdline.d": "-> /usr/share/lines", "share/lines/a.cmdline": "a"}, want: "a"},
		{name: "a vendor's open quote", usr: testutil.Tree{vendor + "a.cmdline": "a\nb=\"c\nd"}, want: "a d", warning: "line 2 holds a quote"},
		{name: "a vendor's NUL", usr: testutil.Tree{vendor + "a.cmdline": "a\nb\x00c"}, want: "a", warning: `line 2 holds the control character '\x00'`},
		{name: "a vendor's escape", usr: testutil.Tree{vendor + "a.cmdline": "\x1b[2J\na"}, want: "a", warning: "control character"},
		{name: "a vendor's umlaut", usr: testutil.Tree{vendor + "a.cmdline": "a=ä\nb"}, want: "b", warning: "ASCII"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := someSystem(t, c.root, c.usr)
			var said []string
			got, err := v.snippets(someKernel, func(line string) { said = append(said, line) })
			want := c.want
			if !strings.Contains(want, "OWN") {
				want = strings.TrimSpace(want + " OWN")
			}
			if line := strings.Join(got.with("OWN"), " "); err != nil || line != want {
				t.Errorf("got %q, %v, want %q", line, err, want)
			}
			if (c.warning == "") != (len(said) == 0) || !strings.Contains(strings.Join(said, "\n"), c.warning) {
				t.Errorf("got warnings %q, want %q", said, c.warning)
			}
		})
	}
}

// TestAdministratorsLineIsRefused: it would swallow the state's own word.
func TestAdministratorsLineIsRefused(t *testing.T) {
	v := someSystem(t, testutil.Tree{"etc/kernel/cmdline.d/50-x.cmdline": "# fine\na=\"b\n"}, nil)
	_, err := v.snippets(someKernel, func(line string) { t.Errorf("warned: %s", line) })
	if ExitCode(err) != exitRefused || !strings.Contains(err.Error(), "etc/kernel/cmdline.d/50-x.cmdline: line 2") || ui.Hint(err) == "" {
		t.Errorf("got %v, want the file and the line refused", err)
	}
}

// TestNoLinkLeadsOut: a state's files come from the state, whatever is live.
func TestNoLinkLeadsOut(t *testing.T) {
	v := someSystem(t, testutil.Tree{"outside": "x", "lib": "-> usr/lib"}, testutil.Tree{"a": "-> /../../../usr/b", "b": "-> ../usr/lib/../c", "c": "found", "loop": "-> loop", "lib/": "", "gone": "-> /usr/nothing",
		"up": "-> ../../../../../etc", "rootlink": "-> /lib/d", "lib/d": "d"})
	for path, want := range map[string]string{"/usr/a": v.usr + "/c", "/usr/up": v.root + "/etc", "/usr": v.usr, "/": v.root, "/usr/rootlink": v.usr + "/lib/d", "//usr/./lib/": v.usr + "/lib", "/usrx": ""} {
		if got, err := v.real(path); got != want || (err == nil) != (want != "") {
			t.Errorf("%s: got %q, %v, want %q", path, got, err, want)
		}
	}
	for _, path := range []string{"/usr/loop", "/usr/gone", "/usr/c/d"} {
		if got, err := v.real(path); err == nil {
			t.Errorf("%s: got %q, want an error", path, got)
		}
	}
}

// TestStateIsTheKernels: whatever snippets hold, early boot reads the state that
// the entry was made for, each word stays one, and none of init's becomes the
// kernel's.
func TestStateIsTheKernels(t *testing.T) {
	word := rapid.StringMatching(`["a-z=#. \t-]{1,8}`)
	rapid.Check(testutil.Seeded(t), func(t *rapid.T) {
		var all words
		for range rapid.IntRange(0, 3).Draw(t, "files") {
			text := strings.Join(rapid.SliceOfN(word, 0, 4).Draw(t, "lines"), rapid.SampledFrom([]string{" ", "\n", "\r\n", " -- "}).Draw(t, "between"))
			found, _ := snippet(text)
			all.params, all.init = append(all.params, found.params...), append(all.init, found.init...)
		}
		line := strings.Join(all.with("moss.fstx=7"), " ")
		got := cmdline.Parse(line)
		if id, _ := got.Last("moss.fstx"); id != "7" {
			t.Fatalf("%q: early boot reads state %q", line, id)
		}
		if len(got.Params) != len(all.params)+1 || len(got.Init) != len(all.init) {
			t.Fatalf("%q: got %d parameters and %d words for init, want %d and %d", line, len(got.Params), len(got.Init), len(all.params)+1, len(all.init))
		}
		if len(all.init) > 0 && strings.HasPrefix(line, `"`) && strings.HasSuffix(line, `"`) {
			t.Fatalf("%q: a loader takes the quotes off", line)
		}
	})
}

// TestQuotesAroundTheLine: a loader takes a pair around a whole value off.
func TestQuotesAroundTheLine(t *testing.T) {
	line := words{params: []string{`"a=b c"`, "d"}, init: []string{`"e f"`}}
	if got := strings.Join(line.with("OWN"), " "); got != `OWN "a=b c" d -- "e f"` {
		t.Errorf("got %q", got)
	}
}

func FuzzSnippet(f *testing.F) {
	f.Add("# x\r\na=\"b c\" -- d\n")
	f.Fuzz(func(t *testing.T, text string) {
		found, _ := snippet(text)
		line := found.with("OWN")
		got := cmdline.Parse(strings.Join(line, " "))
		if len(got.Params) != len(found.params)+1 || len(got.Init) != len(found.init) || strings.ContainsFunc(strings.Join(line, " "), func(r rune) bool { return r != '\t' && (r < ' ' || r > '~') }) {
			t.Errorf("%q: got %q", text, line)
		}
	})
}

func TestRawWordsAreTheKernels(t *testing.T) {
	for text, want := range map[string][]string{
		"":                nil,
		"  a  b ":         {"a", "b"},
		`a="b c" "d e" f`: {`a="b c"`, `"d e"`, "f"},
		`"" x`:            {`""`, "x"},
	} {
		got, closed := rawWords(text)
		if diff := cmp.Diff(want, got); diff != "" || !closed {
			t.Errorf("%q: closed %v, -want +got\n%s", text, closed, diff)
		}
	}
}
