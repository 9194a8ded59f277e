package bls_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"moss/bootloader/bls"
	"moss/internal/testutil"
)

func TestParseName(t *testing.T) {
	for _, c := range []struct {
		file string
		want bls.Name
	}{
		{"moss-1.conf", bls.Name{Stem: "moss-1"}},
		{"moss-1.CONF", bls.Name{Stem: "moss-1"}},
		{"x+3.conf", bls.Name{Stem: "x", Counted: true, Left: 3}},
		{"x+3-0.conf", bls.Name{Stem: "x", Counted: true, Left: 3}},
		{"x+2-1.conf", bls.Name{Stem: "x", Counted: true, Left: 2, Done: 1}},
		{"x+0-3.conf", bls.Name{Stem: "x", Counted: true, Done: 3}},
		{"x+003-01.conf", bls.Name{Stem: "x", Counted: true, Left: 3, Done: 1}},
		{"a+1+2.conf", bls.Name{Stem: "a+1", Counted: true, Left: 2}},
		{"+3.conf", bls.Name{Stem: "", Counted: true, Left: 3}},
		{"x+2147483647-2147483647.conf", bls.Name{Stem: "x", Counted: true, Left: 2147483647, Done: 2147483647}},
		{"x+2147483648.conf", bls.Name{Stem: "x+2147483648"}},
		{"x+99999999999999999999.conf", bls.Name{Stem: "x+99999999999999999999"}},
		{"x+3.CONF", bls.Name{Stem: "x", Counted: true, Left: 3}},
		{"x+.conf", bls.Name{Stem: "x+"}},
		{"x+3-.conf", bls.Name{Stem: "x+3-"}},
		{"x+-3.conf", bls.Name{Stem: "x+-3"}},
		{"x+3-1-1.conf", bls.Name{Stem: "x+3-1-1"}},
		{"x+3a.conf", bls.Name{Stem: "x+3a"}},
		{"x+1_0.conf", bls.Name{Stem: "x+1_0"}},
		{"6.1+deb-1.conf", bls.Name{Stem: "6.1+deb-1"}},
		{"Auto-x.conf", bls.Name{Stem: "Auto-x"}},
		{"ü x.conf", bls.Name{Stem: "ü x"}},
	} {
		if got, ok := bls.ParseName(c.file); !ok || got != c.want {
			t.Errorf("%s: got %+v, %v, want %+v", c.file, got, ok, c.want)
		}
	}
}

func TestParseNameSkipsWhatTheLoaderSkips(t *testing.T) {
	for _, file := range []string{
		"", "conf", ".conf", ".moss-1.conf", ".moss-1.conf.tmp-123", "moss-1.conf.bak", "moss-1", "auto-windows.conf", "moss-1.conf~", "x.con",
	} {
		if got, ok := bls.ParseName(file); ok {
			t.Errorf("%q: got %+v, want it skipped", file, got)
		}
	}
}

// The loader's next name is left-1 and done+1, written with both numbers.
func TestNamesOfACountdown(t *testing.T) {
	name := bls.Name{Stem: "moss-1", Counted: true, Left: 2}
	var files []string
	for !name.Bad() {
		files = append(files, name.File())
		name.Left, name.Done = name.Left-1, name.Done+1
	}
	got := strings.Join(append(files, name.File()), " ")
	if want := "moss-1+2.conf moss-1+1-1.conf moss-1+0-2.conf"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if (bls.Name{Stem: "moss-1"}).Bad() {
		t.Error("got bad for a name without counter, want good")
	}
}

func names() *rapid.Generator[bls.Name] {
	return rapid.Custom(func(t *rapid.T) bls.Name {
		name := bls.Name{Stem: rapid.StringMatching(`[a-z0-9][a-z0-9._-]{0,12}`).Draw(t, "stem"), Counted: rapid.Bool().Draw(t, "counted")}
		if name.Counted {
			name.Left, name.Done = rapid.UintMax(4).Draw(t, "left"), rapid.UintMax(4).Draw(t, "done")
		}
		return name
	}).Filter(func(n bls.Name) bool { return !strings.HasPrefix(n.Stem, "auto-") })
}

func TestEveryWrittenNameIsReadBack(t *testing.T) {
	rapid.Check(testutil.Seeded(t), func(t *rapid.T) {
		want := names().Draw(t, "name")
		if err := bls.CheckName(want); err != nil {
			t.Fatal(err)
		}
		if got, ok := bls.ParseName(want.File()); !ok || got != want {
			t.Fatalf("%s: got %+v, %v, want %+v", want.File(), got, ok, want)
		}
	})
}

func TestCheckName(t *testing.T) {
	for _, name := range []bls.Name{
		{Stem: ""}, {Stem: "Moss-1"}, {Stem: "a b"}, {Stem: "ü"}, {Stem: ".hidden"}, {Stem: "auto-x"}, {Stem: "x+3"}, {Stem: "a/b"}, {Stem: `a\b`},
		{Stem: strings.Repeat("a", 251)}, {Stem: "x", Counted: true, Left: 1 << 31},
	} {
		if bls.CheckName(name) == nil {
			t.Errorf("got %q accepted, want it refused", name.File())
		}
	}
	if err := bls.CheckName(bls.Name{Stem: strings.Repeat("a", 250)}); err != nil {
		t.Errorf("got %v, want 255 characters accepted", err)
	}
}

func FuzzParseName(f *testing.F) {
	for _, file := range []string{"x+3-1.conf", "x.conf", "+.conf", ".conf", "x+3.CONF"} {
		f.Add(file)
	}
	f.Fuzz(func(t *testing.T, file string) {
		name, ok := bls.ParseName(file)
		if !ok {
			return
		}
		if !strings.HasPrefix(file, name.Stem) || strings.HasPrefix(file, ".") {
			t.Errorf("%q: got stem %q, want a beginning of a visible name", file, name.Stem)
		}
		if name.Counted {
			if again, ok := bls.ParseName(name.File()); !ok || again != name {
				t.Errorf("%q: got %+v from %s, want %+v", file, again, name.File(), name)
			}
		}
	})
}
