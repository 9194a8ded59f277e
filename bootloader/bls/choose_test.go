package bls_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"moss/bootloader/bls"
	"moss/internal/testutil"
)

func menu(t *testing.T, lines ...string) (list []bls.Entry) {
	t.Helper()
	for _, line := range lines {
		list = append(list, entry(t, line))
	}
	return list
}

// TestDefaultOfNewerLoaders: what 252 does not know is "preferred" and ids
// without counters.
func TestDefaultOfNewerLoaders(t *testing.T) {
	good := []string{"m-3.conf s m 3", "m-2+2-1.conf s m 2", "m-1.conf s m 1"}
	bad := []string{"m-3+0-3.conf 0-s m 3", "m-2.conf s m 2"}
	preferred := bls.Loader{Preferred: true, Bare: true}
	for _, c := range []struct {
		what    string
		entries []string
		vars    bls.Vars
		want    string
		why     bls.Why
	}{
		{"252 does not read preferred", good, bls.Vars{Preferred: "m-1*", ConfigPreferred: "m-2*"}, "m-3.conf", bls.ByOrder},
		{"preferred before default", good, bls.Vars{Loader: preferred, Preferred: "m-1*", Default: "m-2*", Config: "m-2*"}, "m-1.conf", bls.ByPreferred},
		{"the variable before loader.conf", good, bls.Vars{Loader: preferred, Preferred: "m-1*", ConfigPreferred: "m-2*"}, "m-1.conf", bls.ByPreferred},
		{"loader.conf's preferred before the default variable", good, bls.Vars{Loader: preferred, ConfigPreferred: "m-2*", Default: "m-1*"}, "m-2+2-1.conf", bls.ByConfigPreferred},
		{"one-shot before preferred", good, bls.Vars{Loader: preferred, OneShot: "m-2*", Preferred: "m-1*"}, "m-2+2-1.conf", bls.ByOneShot},
		{"preferred passes over a bad one", bad, bls.Vars{Loader: preferred, Preferred: "m-3*", Default: "m-2*"}, "m-2.conf", bls.ByDefault},
		{"preferred takes the next that matches", bad, bls.Vars{Loader: preferred, Preferred: "m-*"}, "m-2.conf", bls.ByPreferred},
		{"default does not pass over a bad one", bad, bls.Vars{Loader: preferred, Default: "m-3*"}, "m-3+0-3.conf", bls.ByDefault},
		{"preferred saved", good, bls.Vars{Loader: preferred, Preferred: "@saved", LastBooted: "m-1.conf"}, "m-1.conf", bls.ByPreferred},
		{"a plain name, ids with counters", good, bls.Vars{Default: "m-2.conf"}, "m-3.conf", bls.ByOrder},
		{"a plain name, ids without", good, bls.Vars{Loader: bls.Loader{Bare: true}, Default: "m-2.conf"}, "m-2+2-1.conf", bls.ByDefault},
		{"a plain name of a bad one, ids without", bad, bls.Vars{Loader: bls.Loader{Bare: true}, Default: "m-3.conf"}, "m-3+0-3.conf", bls.ByDefault},
		{"a name with its counter, ids without", good, bls.Vars{Loader: bls.Loader{Bare: true}, Default: "m-2+2-1.conf"}, "m-3.conf", bls.ByOrder},
	} {
		got, why, ok := bls.Default(menu(t, c.entries...), c.vars)
		if !ok || got.File != c.want || why != c.why {
			t.Errorf("%s: got %s by %s, %v, want %s by %s", c.what, got.File, why, ok, c.want, c.why)
		}
	}
}

func TestLoaderOf(t *testing.T) {
	const bit19 = 1 << 19
	for _, c := range []struct {
		what, info string
		features   uint64
		ids, files string
		want       bls.Loader
	}{
		{"nothing is known", "", 0, "", "", bls.Loader{}},
		{"Debian 12", "systemd-boot 252.39-1~deb12u2", 0x7ff, "", "", bls.Loader{}},
		{"257", "systemd-boot 257.9", 0x1fff, "", "", bls.Loader{}},
		{"258", "systemd-boot 258", 0, "", "", bls.Loader{}},
		{"258.2", "systemd-boot 258.2-1.fc43", 0, "", "", bls.Loader{}},
		{"258.3", "systemd-boot 258.3-1", 0, "", "", bls.Loader{Bare: true}},
		{"258.10", "systemd-boot 258.10", 0, "", "", bls.Loader{Bare: true}},
		{"a candidate of 258", "systemd-boot 258~rc3", 0, "", "", bls.Loader{}},
		{"259", "systemd-boot 259-1", 0, "", "", bls.Loader{Bare: true}},
		{"a candidate of 259", "systemd-boot 259~rc1", 0, "", "", bls.Loader{Bare: true}},
		{"260", "systemd-boot 260.1", bit19, "", "", bls.Loader{Bare: true, Preferred: true}},
		{"the bit, not the version", "systemd-boot 252", bit19, "", "", bls.Loader{Preferred: true}},
		{"the version, not the bit", "systemd-boot 261", 0, "", "", bls.Loader{Bare: true}},
		{"ids with counters", "systemd-boot 259", 0, "a+2.conf b.conf", "a+1-1.conf b.conf", bls.Loader{}},
		{"an id without", "systemd-boot 257.9", 0, "a.conf b.conf", "a+1-1.conf b.conf", bls.Loader{Bare: true}},
		{"an entry that was counted only later", "systemd-boot 257.9", 0, "a.conf", "a+3.conf", bls.Loader{}},
		{"an entry that has a twin", "systemd-boot 257.9", 0, "a.conf", "a+0-3.conf a.conf", bls.Loader{}},
		{"nobody is counted", "systemd-boot 259", 0, "a.conf", "a.conf", bls.Loader{Bare: true}},
		{"another loader", "Limine 9.2", 0, "", "", bls.Loader{Foreign: "Limine 9.2"}},
		{"nonsense", "systemd-boot x", 0, "", "", bls.Loader{}},
	} {
		if got := bls.LoaderOf(c.info, c.features, strings.Fields(c.ids), menu(t, strings.Fields(c.files)...)); got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.what, got, c.want)
		}
	}
}

// TestSortOfIDsWithoutCounters: a name that goes on with a digit, where the other
// has its counter, changes sides when the counter is no part of the name.
func TestSortOfIDsWithoutCounters(t *testing.T) {
	list := menu(t, "x+3.conf", "x2.conf")
	if got := sign(bls.Loader{}.Compare(list[0], list[1])); got != "<" {
		t.Errorf("with counters: got x+3 %s x2, want it above", got)
	}
	if got := sign(bls.Loader{Bare: true}.Compare(list[0], list[1])); got != ">" {
		t.Errorf("without: got x %s x2, want it below", got)
	}
}

func TestConfigPreferred(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "",
		"default a*\n":              "",
		"preferred a*\nx y\n":       "a*",
		"preferred a\npreferred b":  "b",
		"preferred @SAVED":          "@SAVED",
		"preferred a\npreferred @x": "a",
	} {
		if got := bls.ConfigPreferred([]byte(text)); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// TestBadIsTheLastResort: by order and by "preferred" no loader starts a bad
// entry while it shows a good one.
func TestBadIsTheLastResort(t *testing.T) {
	rapid.Check(testutil.Seeded(t), func(t *rapid.T) {
		list := rapid.SliceOfN(entries(), 1, 8).Draw(t, "entries")
		l := bls.Loader{Preferred: rapid.Bool().Draw(t, "preferred"), Bare: rapid.Bool().Draw(t, "bare")}
		got, why, ok := bls.Default(list, bls.Vars{Loader: l, Preferred: "*", ConfigPreferred: "*"})
		if !ok {
			t.Fatal("got nothing of entries that are all shown")
		}
		if got.Name.Bad() && (why != bls.ByOrder || slices.ContainsFunc(list, func(e bls.Entry) bool { return !e.Name.Bad() })) {
			t.Fatalf("got %s by %s of %v", got.File, why, names2(list))
		}
	})
}
