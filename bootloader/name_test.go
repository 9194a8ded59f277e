package bootloader_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"moss/bootloader"
	"moss/bootloader/bls"
	"moss/internal/testutil"
)

func releases() *rapid.Generator[string] {
	return rapid.OneOf(rapid.StringMatching(`[1-9]\.[0-9]{1,2}(\.[0-9]{1,2})?(-[0-9a-z_+.~]{1,6})?`), rapid.StringN(1, 20, 200))
}

// No pattern of one entry or state matches another.
func TestPatternsMatchOnlyTheirOwn(t *testing.T) {
	rapid.Check(testutil.Seeded(t), func(t *rapid.T) {
		id := rapid.SampledFrom([]uint64{1, 2, 10, 11, 101, 1<<64 - 1})
		a, b := id.Draw(t, "a"), id.Draw(t, "b")
		k, l := releases().Draw(t, "k"), releases().Draw(t, "l")
		one, two := bootloader.Stem(token, a, k), bootloader.Stem(token, b, l)
		counted := bls.Name{Stem: two, Counted: true, Left: 2, Done: 1}
		if err := bls.CheckName(counted); err != nil {
			t.Fatal(err)
		}
		if got, ok := bootloader.StateOf(token, two, "_"); !ok || got != b {
			t.Fatalf("got state %d, %v of %s", got, ok, two)
		}
		for _, file := range []string{counted.File(), two + ".conf"} {
			if got := bls.Match(one+"*.conf", file); got != (a == b && k == l) {
				t.Fatalf("%s*.conf against %s: got %v", one, file, got)
			}
			if got := bls.Match(bootloader.Pattern(token, a), file); got != (a == b) {
				t.Fatalf("pattern of %d against %s: got %v", a, file, got)
			}
		}
		if bls.Match(bootloader.Pattern("abcd123", a), two+".conf") {
			t.Fatalf("pattern of another owner matches %s", two)
		}
	})
}

func TestStateOfRefuses(t *testing.T) {
	for _, name := range []string{
		"moss-abcd1234-0-6.1_", "moss-abcd1234-01-6.1_", "moss-abcd1234-1-6.1", "moss-abcd1234-1-6_1_", "moss-abcd1234--6.1_", "moss-abcd1234-x-6.1_",
		"moss-abcd1234-1_", "moss-abcd12345-1-6.1_", "moss-abcd1234-18446744073709551616-6.1_", "moss-abcd1234-+1-6.1_", "",
	} {
		if id, ok := bootloader.StateOf(token, name, "_"); ok {
			t.Errorf("%q: got state %d, want it foreign", name, id)
		}
	}
}

func TestTitle(t *testing.T) {
	base := bootloader.State{
		ID: 3, OSName: "Debian GNU/Linux 12 (bookworm)", Summary: "install nano",
		Created: time.Date(2026, 11, 22, 4, 30, 0, 0, time.FixedZone("CET", 3600)), Kernels: make([]bootloader.Kernel, 1),
	}
	for want, change := range map[string]func(*bootloader.State){
		"Debian GNU/Linux 12 (bookworm), state 3, 2026-11-22 03:30, install nano": func(*bootloader.State) {},
		"Linux, state 3, 2026-11-22 03:30":                                        func(s *bootloader.State) { s.OSName, s.Summary = "", " " },
		"'A B', state 3, x":                                                       func(s *bootloader.State) { s.OSName, s.Summary, s.Created = "\"A\n B\"", "x\x1b", time.Time{} },
		"M?ss, state 3, 2026-11-22 03:30, kernel 6.1, caf?": func(s *bootloader.State) {
			s.OSName, s.Summary, s.Kernels = "Möss", "café", make([]bootloader.Kernel, 2)
		},
	} {
		s := base
		change(&s)
		if got := bootloader.Title(s, bootloader.Kernel{Version: "6.1"}); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	base.OSName, base.Summary = strings.Repeat("N", 300), strings.Repeat("word ", 100)
	got := bootloader.Title(base, bootloader.Kernel{})
	if len(got) > 100 || !strings.Contains(got, "state 3, 2026-11-22 03:30") || !strings.HasSuffix(got, "...") {
		t.Errorf("got %q, want what tells states apart within 100 characters", got)
	}
}

func TestEveryTitleCanBeWritten(t *testing.T) {
	rapid.Check(testutil.Seeded(t), func(t *rapid.T) {
		s := bootloader.State{ID: 1, OSName: rapid.String().Draw(t, "name"), Summary: rapid.String().Draw(t, "summary"), Kernels: make([]bootloader.Kernel, 2)}
		title := bootloader.Title(s, bootloader.Kernel{Version: rapid.String().Draw(t, "version")})
		e := bls.Entry{File: "e.conf", Linux: "/l", Title: title}
		text, err := e.Format()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := bls.Parse("e.conf", text); err != nil || got.Title != title {
			t.Fatalf("got %q, %v, want %q", got.Title, err, title)
		}
	})
}
