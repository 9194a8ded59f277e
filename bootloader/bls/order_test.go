package bls_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"moss/bootloader/bls"
	"moss/internal/testutil"
)

// entry reads "file sort-key machine-id version"; "-" stands for none.
func entry(t testing.TB, text string) bls.Entry {
	t.Helper()
	f := strings.Fields(text + " - - -")
	for i := range f {
		f[i] = strings.TrimPrefix(f[i], "-")
	}
	name, ok := bls.ParseName(f[0])
	if !ok {
		t.Fatalf("%q is no entry", text)
	}
	return bls.Entry{Name: name, File: f[0], SortKey: f[1], MachineID: f[2], Version: f[3], Linux: "/l"}
}

// Each case lists entries in the loader's order; any other order must come back
// to it.
func TestSort(t *testing.T) {
	for what, lines := range map[string][]string{
		"no tries left goes last":            {"a.conf", "z+0-3.conf"},
		"no tries left beats a sort key":     {"a.conf", "z+0.conf s m 9"},
		"a sort key before none":             {"a.conf s - 1", "z.conf - - 9"},
		"sort keys upwards, capitals first":  {"a.conf B", "b.conf a", "c.conf b"},
		"no machine id first":                {"a.conf s - 1", "b.conf s 1 2", "c.conf s 2 3"},
		"versions downwards":                 {"a.conf s m 10-6.1", "b.conf s m 9-6.12", "c.conf s m 9-6.2", "d.conf s m -"},
		"versions do not count without keys": {"b.conf - - 1", "a.conf - - 9"},
		"ids downwards":                      {"moss-10.conf", "moss-9.conf", "moss-1.conf"},
		"ids with counters":                  {"x+3.conf", "x+2-1.conf", "x+1-2.conf", "x.conf"},
		"the menu of a rollback":             {"m-3-6.1_.conf debian m 3-6.1", "m-2-6.12_.conf debian m 2-6.12", "m-1-6.1_+0-3.conf debian m 1-6.1"},
	} {
		for seed := range 20 {
			var got []bls.Entry
			for _, line := range lines {
				got = append(got, entry(t, line))
			}
			want := names2(got)
			shuffle(got, seed)
			bls.Sort(got)
			if !slices.Equal(names2(got), want) {
				t.Errorf("%s: got %v, want %v", what, names2(got), want)
				break
			}
		}
	}
}

func names2(entries []bls.Entry) (files []string) {
	for _, e := range entries {
		files = append(files, e.File)
	}
	return files
}

func shuffle(entries []bls.Entry, seed int) {
	for i := range entries {
		j := (i*7 + seed*3) % len(entries)
		entries[i], entries[j] = entries[j], entries[i]
	}
}

func TestCompareIsAnOrder(t *testing.T) {
	rapid.Check(testutil.Seeded(t), func(t *rapid.T) {
		a, b, c := entries().Draw(t, "a"), entries().Draw(t, "b"), entries().Draw(t, "c")
		checkOrder(t, bls.Compare, a, b, c)
	})
}

func TestDefault(t *testing.T) {
	good := []string{"m-3.conf s m 3", "m-2+2-1.conf s m 2", "m-1.conf s m 1"}
	bad := []string{"m-3+0-3.conf s m 3", "m-2.conf s m 2"}
	worst := []string{"m-3+0-3.conf s m 3", "m-2+0.conf s m 2"}
	for _, c := range []struct {
		what    string
		entries []string
		vars    bls.Vars
		want    string
		why     bls.Why
	}{
		{"the first in order", good, bls.Vars{}, "m-3.conf", bls.ByOrder},
		{"one-shot before everything", good, bls.Vars{OneShot: "m-1.conf", Default: "m-2*", Config: "m-3*"}, "m-1.conf", bls.ByOneShot},
		{"the variable before loader.conf", good, bls.Vars{Default: "m-2*", Config: "m-1*"}, "m-2+2-1.conf", bls.ByDefault},
		{"loader.conf", good, bls.Vars{Config: "m-1*"}, "m-1.conf", bls.ByConfig},
		{"a plain name does not match a counted file", good, bls.Vars{Config: "m-2.conf"}, "m-3.conf", bls.ByOrder},
		{"a one-shot that matches nothing", good, bls.Vars{OneShot: "kexec reboot", Config: "m-1*"}, "m-1.conf", bls.ByConfig},
		{"capitals are folded", good, bls.Vars{Config: "M-1.CONF"}, "m-1.conf", bls.ByConfig},
		{"saved in the variable", good, bls.Vars{Default: "@Saved", LastBooted: "m-1.conf"}, "m-1.conf", bls.ByDefault},
		{"saved in loader.conf", good, bls.Vars{Config: "@saved", LastBooted: "m-1.conf"}, "m-1.conf", bls.ByConfig},
		{"saved, and nothing is", good, bls.Vars{Config: "@saved"}, "m-3.conf", bls.ByOrder},
		{"a wide pattern finds the good one", bad, bls.Vars{Config: "m-*"}, "m-2.conf", bls.ByConfig},
		{"a narrow pattern finds the bad one", bad, bls.Vars{Config: "m-3*"}, "m-3+0-3.conf", bls.ByConfig},
		{"one-shot of a bad one", bad, bls.Vars{OneShot: "m-3+0-3.conf"}, "m-3+0-3.conf", bls.ByOneShot},
		{"all bad", worst, bls.Vars{}, "m-3+0-3.conf", bls.ByOrder},
	} {
		var list []bls.Entry
		for _, line := range c.entries {
			list = append(list, entry(t, line))
		}
		got, why, ok := bls.Default(list, c.vars)
		if !ok || got.File != c.want || why != c.why {
			t.Errorf("%s: got %s by %s, %v, want %s by %s", c.what, got.File, why, ok, c.want, c.why)
		}
	}
}

func TestDefaultSkipsHiddenEntries(t *testing.T) {
	hidden, shown := entry(t, "m-2.conf s m 2"), entry(t, "m-1.conf s m 1")
	hidden.Hidden = "no file /l"
	if got, _, ok := bls.Default([]bls.Entry{hidden, shown}, bls.Vars{Config: "m-2*"}); !ok || got.File != shown.File {
		t.Errorf("got %s, %v, want %s", got.File, ok, shown.File)
	}
	if got, _, ok := bls.Default([]bls.Entry{hidden}, bls.Vars{}); ok {
		t.Errorf("got %s, want none", got.File)
	}
}
