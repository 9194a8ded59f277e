package bls_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"moss/bootloader/bls"
	"moss/internal/testutil"
)

func TestParse(t *testing.T) {
	const file = "e.conf"
	name := bls.Name{Stem: "e"}
	for _, c := range []struct {
		what, text string
		want       bls.Entry
	}{
		{"every key", "title T t\nversion 1\nmachine-id m\nsort-key s\narchitecture x64\nlinux /l\ninitrd /i\ndevicetree /d\noptions a b\n",
			bls.Entry{Title: "T t", Version: "1", MachineID: "m", SortKey: "s", Architecture: "x64", Linux: "/l", Initrd: []string{"/i"}, DeviceTree: "/d", Options: []string{"a b"}}},
		{"tabs, several blanks, blanks around", " \tlinux \t /l \t \n", bls.Entry{Linux: "/l"}},
		{"carriage returns", "linux /l\r\ntitle x\rversion 2\r\n", bls.Entry{Linux: "/l", Title: "x", Version: "2"}},
		{"no newline at the end", "linux /l", bls.Entry{Linux: "/l"}},
		{"comments, only at the beginning", "# linux /no\n \t# title no\nlinux /l # really\n", bls.Entry{Linux: "/l # really"}},
		{"quotes around a value", "title \"a \"b\" c\"\nlinux '/l'\n", bls.Entry{Title: `a "b" c`, Linux: "'/l'"}},
		{"a quote at one end only", "title \"a\nlinux /l\"\n", bls.Entry{Title: `"a`, Linux: `/l"`}},
		{"nothing but quotes", "linux /l\ntitle \"\"\nversion \"\n", bls.Entry{Linux: "/l"}},
		{"repeats add up or the last wins", "title a\ntitle b\nlinux /1\nlinux /2\ninitrd /b\ninitrd /a\noptions x\noptions y z\n",
			bls.Entry{Title: "b", Linux: "/2", Initrd: []string{"/b", "/a"}, Options: []string{"x", "y z"}}},
		{"linux after efi", "efi /e\nlinux /l\n", bls.Entry{Linux: "/l"}},
		{"efi after linux", "linux /l\nefi /e\n", bls.Entry{EFI: "/e"}},
		{"keys without a value", "linux /l\ntitle\nversion \t\n", bls.Entry{Linux: "/l"}},
		{"unknown keys and capitals", "linux /l\nLINUX /no\nuki /u\ndevicetree-overlay /o\n", bls.Entry{Linux: "/l"}},
		{"a NUL ends the file", "linux /l\n\x00title no\n", bls.Entry{Linux: "/l"}},
		{"blank lines", "\n\n\r\n  \nlinux /l\n\n", bls.Entry{Linux: "/l"}},
		{"two architectures fit no machine", "architecture x64\narchitecture aa64\narchitecture x64\nlinux /l\n", bls.Entry{Architecture: "x64 aa64 x64", Linux: "/l"}},
		{"one architecture twice", "architecture x64\narchitecture x64\nlinux /l\n", bls.Entry{Architecture: "x64", Linux: "/l"}},
	} {
		c.want.Name, c.want.File = name, file
		got, err := bls.Parse(file, []byte(c.text))
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
		} else if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.what, diff)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for what, c := range map[string]struct{ file, text string }{
		"no program":        {"e.conf", "title x\ninitrd /i\n"},
		"an empty file":     {"e.conf", ""},
		"a file of zeros":   {"e.conf", "\x00\x00\x00"},
		"an empty program":  {"e.conf", "linux \"\"\n"},
		"a hidden name":     {".e.conf", "linux /l\n"},
		"another suffix":    {"e.cfg", "linux /l\n"},
		"the loader's name": {"auto-e.conf", "linux /l\n"},
	} {
		if got, err := bls.Parse(c.file, []byte(c.text)); err == nil {
			t.Errorf("%s: got %+v, want an error", what, got)
		}
	}
}

func TestFormat(t *testing.T) {
	e := bls.Entry{
		File: "e.conf", Title: "Debian, state 3", Version: "3-6.1", MachineID: strings.Repeat("ab", 16), SortKey: "debian", Architecture: "x64",
		Linux: "/m/l", Initrd: []string{"/m/a", "/m/b"}, DeviceTree: "/m/d", Options: []string{"quiet", "root=x"},
	}
	got, err := e.Format()
	want := "title Debian, state 3\nversion 3-6.1\nmachine-id " + e.MachineID + "\nsort-key debian\narchitecture x64\n" +
		"linux /m/l\ninitrd /m/a\ninitrd /m/b\ndevicetree /m/d\noptions quiet\noptions root=x\n"
	if err != nil || string(got) != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestFormatRefuses(t *testing.T) {
	ok := bls.Entry{File: "e.conf", Linux: "/l"}
	for what, change := range map[string]func(*bls.Entry){
		"a newline":               func(e *bls.Entry) { e.Title = "a\nlinux /evil" },
		"a carriage return":       func(e *bls.Entry) { e.Options = []string{"a\rlinux /evil"} },
		"a NUL":                   func(e *bls.Entry) { e.Version = "1\x00" },
		"a tab":                   func(e *bls.Entry) { e.Title = "a\tb" },
		"a control character":     func(e *bls.Entry) { e.Title = "a\u009b31m" },
		"a blank in front":        func(e *bls.Entry) { e.Title = " a" },
		"a blank behind":          func(e *bls.Entry) { e.Linux = "/l " },
		"quotes around":           func(e *bls.Entry) { e.Title = `"a"` },
		"a lone quote":            func(e *bls.Entry) { e.Title = `"` },
		"broken UTF-8":            func(e *bls.Entry) { e.Title = "\xff" },
		"beyond the basic plane":  func(e *bls.Entry) { e.Title = "\U0001F427" },
		"options outside ASCII":   func(e *bls.Entry) { e.Options = []string{"name=é"} },
		"a path outside ASCII":    func(e *bls.Entry) { e.Initrd = []string{"/é"} },
		"an empty initrd":         func(e *bls.Entry) { e.Initrd = []string{""} },
		"empty options":           func(e *bls.Entry) { e.Options = []string{""} },
		"no program":              func(e *bls.Entry) { e.Linux = "" },
		"two programs":            func(e *bls.Entry) { e.EFI = "/e" },
		"a machine id with quote": func(e *bls.Entry) { e.MachineID = `"x"` },
	} {
		e := ok
		change(&e)
		if text, err := e.Format(); err == nil {
			t.Errorf("%s: got %q, want an error", what, text)
		}
	}
	if _, err := ok.Format(); err != nil {
		t.Errorf("got %v for the entry that the others are made from", err)
	}
}

func values() *rapid.Generator[string] {
	return rapid.StringMatching(`[!#-~]([ -~é]{0,12}[!#-~])?`)
}

func asciiValues() *rapid.Generator[string] {
	return rapid.StringMatching(`[!#-~]([ -~]{0,12}[!#-~])?`)
}

func entries() *rapid.Generator[bls.Entry] {
	return rapid.Custom(func(t *rapid.T) bls.Entry {
		name := names().Draw(t, "name")
		maybe := func(g *rapid.Generator[string], label string) string {
			return rapid.OneOf(rapid.Just(""), g).Draw(t, label)
		}
		e := bls.Entry{
			Name: name, File: name.File(),
			Title: maybe(values(), "title"), Version: maybe(versions().Filter(plain), "version"),
			SortKey: maybe(rapid.SampledFrom([]string{"a", "b", "B"}), "sort-key"), MachineID: maybe(rapid.SampledFrom([]string{"1", "2"}), "machine-id"),
			DeviceTree: maybe(asciiValues(), "devicetree"), Linux: asciiValues().Draw(t, "linux"),
			Initrd: rapid.SliceOfN(asciiValues(), 0, 3).Draw(t, "initrd"), Options: rapid.SliceOfN(asciiValues(), 0, 3).Draw(t, "options"),
		}
		if rapid.Bool().Draw(t, "efi") {
			e.EFI, e.Linux = e.Linux, ""
		}
		return e
	})
}

func plain(s string) bool { return strings.Trim(s, " \t") == s }

func TestEveryWrittenEntryIsReadBack(t *testing.T) {
	rapid.Check(testutil.Seeded(t), func(t *rapid.T) {
		want := entries().Draw(t, "entry")
		text, err := want.Format()
		if err != nil {
			t.Fatal(err)
		}
		got, err := bls.Parse(want.File, text)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
		if strings.Contains(string(text), "\n\n") || !strings.HasSuffix(string(text), "\n") {
			t.Fatalf("got %q, want lines without a blank one", text)
		}
	})
}

func TestCommandLine(t *testing.T) {
	for _, c := range []struct {
		e    bls.Entry
		want string
	}{
		{bls.Entry{Linux: "/l"}, ""},
		{bls.Entry{Linux: "/l", Options: []string{"a", "b c"}}, "a b c"},
		{bls.Entry{Linux: "/l", Initrd: []string{"m//initrd", `\x\y`}, Options: []string{"console=ttyS0"}}, `initrd=\m\initrd initrd=\x\y console=ttyS0`},
	} {
		if got := c.e.CommandLine(); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestFiles(t *testing.T) {
	e := bls.Entry{Linux: `m\..\l`, Initrd: []string{"//a//b", "../../c"}, DeviceTree: "d"}
	want := []string{"/l", "/a/b", "/c", "/d"}
	if diff := cmp.Diff(want, e.Files()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("title \"x\"\r\nlinux\t/l\ninitrd /i\noptions a\noptions b\narchitecture x64\n"))
	f.Add([]byte(" # c\n\"\n\x00linux /x"))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := bls.Parse("e.conf", data)
		if err != nil {
			return
		}
		if (e.Linux == "") == (e.EFI == "") {
			t.Errorf("got linux %q and efi %q, want one", e.Linux, e.EFI)
		}
		text, err := e.Format()
		if err != nil {
			return
		}
		again, err := bls.Parse("e.conf", text)
		if err != nil {
			t.Fatalf("%v for our own text %q", err, text)
		}
		if diff := cmp.Diff(e, again); diff != "" {
			t.Errorf("written and read again (-first +again):\n%s", diff)
		}
	})
}
