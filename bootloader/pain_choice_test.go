package bootloader_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"moss/bootloader"
	"moss/bootloader/bls"
	"moss/bootloader/efivar"
	"moss/internal/testutil"
)

// The tests of this file are named after what people lose their evenings to.

// bootOnce does what the loader does when it starts an entry, and returns its state.
func (r rig) bootOnce(v bootloader.Variables) uint64 {
	r.t.Helper()
	c := r.next(v)
	if name, _ := bls.ParseName(c.File); name.Counted {
		was := name.File()
		name.Left, name.Done = max(name.Left, 1)-1, name.Done+1
		prefix := "moss-" + token + "-"
		r.rename(strings.TrimPrefix(was, prefix), strings.TrimPrefix(name.File(), prefix))
	}
	return c.State
}

// TestPain05ABadDefaultIsNotBootedForEver: a chosen state that stands first by
// its sort key gives way when its tries are used up, on every loader; a setting
// that names it alone would not let it, and that is said.
func TestPain05ABadDefaultIsNotBootedForEver(t *testing.T) {
	for what, v := range generations() {
		r := menuOf(t, "1-6.1_+3 0-debian", "3-6.1_", "2-6.1_")
		r.write("loader/loader.conf", "default moss-"+token+"-[0-9]*\n")
		if v.Features&bls.FeaturePreferred != 0 {
			v.Preferred = bootloader.Pattern(token, 1)
		}
		var booted []uint64
		for range 6 {
			booted = append(booted, r.bootOnce(v))
		}
		if want := []uint64{1, 1, 1, 3, 3, 3}; !slices.Equal(booted, want) {
			t.Errorf("%s: got %v, want %v", what, booted, want)
		}
		if got := r.entries(); !slices.Contains(got, "1-6.1_+0-3.conf") {
			t.Errorf("%s: got %v, want the counter stopped", what, got)
		}
		v.Default = bootloader.Pattern(token, 1)
		v.Preferred = ""
		if got := r.next(v); got.State != 1 || !got.Bad || !strings.Contains(got.Text, "no tries left") || !strings.Contains(got.Text, "LoaderEntryDefault") {
			t.Errorf("%s: got %+v, want it said that a bad one is started, and by whom", what, got)
		}
	}
}

// TestPain06ACounterInTheNameDoesNotBreakTheChoice: the pattern of a state finds
// its entry whatever the loader did to the name, and no other's.
func TestPain06ACounterInTheNameDoesNotBreakTheChoice(t *testing.T) {
	for what, v := range generations() {
		for _, counter := range []string{"", "+3", "+2-1", "+1-2", "+0-3"} {
			r := menuOf(t, "1-6.1_"+counter, "11-6.1_", "12-6.1_+3", "111-6.1.1_")
			r.write("loader/entries/moss-ffff0000-1-6.1_.conf", entryText("1", "6.1", "aaa"))
			v.OneShot = bootloader.Pattern(token, 1)
			got := r.next(v)
			if got.File != "moss-"+token+"-1-6.1_"+counter+".conf" || got.Why != bls.ByOneShot {
				t.Errorf("%s, %q: got %+v", what, counter, got)
			}
			// What bootctl of the same age writes is a plain name.
			v.OneShot = "moss-" + token + "-1-6.1_.conf"
			wantPlain := counter == "" || v.Info > "systemd-boot 258.2"
			if got := r.next(v); (got.State == 1) != wantPlain {
				t.Errorf("%s, %q by its plain name: got %+v", what, counter, got)
			}
		}
	}
}

// TestPain07AStaleVariableIsSeen: what is chosen in spite of everything that the
// menu says is reported with its cause; what names nothing changes nothing.
func TestPain07AStaleVariableIsSeen(t *testing.T) {
	for what, v := range generations() {
		r := menuOf(t, "3-6.1_ 0-debian", "2-6.1_", "1-6.1_")
		r.write("loader/loader.conf", "default moss-"+token+"-3-*\n")
		for value, want := range map[string]bls.Why{
			"moss-" + token + "-1-6.1_.conf": bls.ByDefault,
			bootloader.Pattern(token, 2):     bls.ByDefault,
			bootloader.Pattern(token, 9):     bls.ByConfig,
			"moss-ffff0000-1-*":              bls.ByConfig,
			"nixos-generation-7.conf":        bls.ByConfig,
		} {
			v.Default = value
			got := r.next(v)
			if got.Why != want || (want == bls.ByDefault) == (got.State == 3) || !strings.Contains(got.Text, string(want)) {
				t.Errorf("%s, LoaderEntryDefault %q: got %+v, want it by %s", what, value, got, want)
			}
		}
	}
}

// TestPain12AFailedStateIsNotTriedAgain: what was marked bad is not started by
// itself any more, however often and by whatever loader.
func TestPain12AFailedStateIsNotTriedAgain(t *testing.T) {
	for what, v := range generations() {
		r := menuOf(t, "3-6.1_ 0-debian", "3-6.12_ 0-debian", "2-6.1_+3", "1-6.1_")
		r.write("loader/loader.conf", "default moss-"+token+"-[0-9]*\n")
		r.bless("3-6.1_", false)
		r.bless("3-6.12_", false)
		for i := range 5 {
			if got := r.bootOnce(v); got != 2 && i < 3 || got != 1 && i >= 3 {
				t.Errorf("%s, boot %d: got state %d", what, i+1, got)
			}
		}
		r.bless("1-6.1_", false)
		if got := r.next(v); !got.Bad || !strings.Contains(got.Text, "no entry has any") {
			t.Errorf("%s: got %+v, want it said that there is no good one", what, got)
		}
		r.bless("2-6.1_+0-3", true)
		if got := r.next(v); got.State != 2 || got.Bad {
			t.Errorf("%s: got %+v, want the blessed one", what, got)
		}
	}
}

// TestPain15VariablesAreHints: variables that are damaged, absent or of another
// boot lead to a choice all the same, and the loader's generation is not guessed
// from leftovers.
func TestPain15VariablesAreHints(t *testing.T) {
	r := menuOf(t, "2-6.1_+2-1", "1-6.1_")
	damaged := &efivar.Memory{}
	for _, name := range []string{"LoaderEntryDefault", "LoaderEntryOneShot", "LoaderEntries", "LoaderFeatures", "LoaderInfo", "LoaderBootCountPath", "LoaderEntrySelected"} {
		if err := damaged.Write(efivar.Loader(name), []byte("odd"), efivar.Volatile); err != nil {
			t.Fatal(err)
		}
	}
	stale := bootloader.Variables{Present: true, Info: "systemd-boot 252", Features: 0x7ff, CountPath: `\loader\entries\moss-` + token + `-1-6.1_+2-1.conf`,
		Selected: "moss-" + token + "-1-6.1_+3.conf", Entries: []string{"moss-" + token + "-1-6.1_+3.conf"}}
	for what, v := range map[string]bootloader.Variables{"none": {}, "damaged": bootloader.ReadVariables(damaged), "of another boot": stale} {
		found := r.scan()
		found.Vars = v
		if got := found.Next(); got.State != 2 || got.Why != bls.ByOrder {
			t.Errorf("%s: got %+v, want the first in order", what, got)
		}
		if got := found.Loader(); got != (bls.Loader{}) {
			t.Errorf("%s: got %+v, want 252's rules", what, got)
		}
		if items := bootloader.List(found, bootloader.Marks{}); len(items) != 2 || !items[0].Default || slices.ContainsFunc(items, func(it bootloader.Item) bool { return it.OneShot }) {
			t.Errorf("%s: got %+v", what, items)
		}
	}
}

// TestNoChoiceOfABadStateWhileThereIsAGoodOne plays every set of three entries
// and settings that this program makes, on every loader.
func TestNoChoiceOfABadStateWhileThereIsAGoodOne(t *testing.T) {
	r := newRig(t, testutil.Tree{"k": "kernel", "loader/loader.conf": "default moss-" + token + "-[0-9]*\n"})
	counters := []string{"", "+3", "+1-2", "+0-3", "+0"}
	for i := range 5 * 5 * 5 * 4 {
		found := bootloader.Found{Token: token, ConfigText: []byte(r.read("loader/loader.conf"))}
		good := false
		for s := range uint64(3) {
			counter := counters[i/[]int{1, 5, 25}[s]%5]
			key := map[bool]string{true: "0-debian", false: "debian"}[i/125 == int(s)]
			file := fmt.Sprintf("moss-%s-%d-6.1_%s.conf", token, s+1, counter)
			e, err := bls.Parse(file, []byte(entryText(fmt.Sprint(s+1), "6.1", key)))
			if err != nil {
				t.Fatal(err)
			}
			found.Ours = append(found.Ours, bootloader.Own{Raw: bls.Raw{File: file, Entry: e}, Name: e.Name, State: s + 1})
			good = good || !e.Name.Bad()
		}
		for what, v := range generations() {
			found.Vars = v
			if v.Features&bls.FeaturePreferred != 0 {
				found.Vars.Preferred = bootloader.Pattern(token, uint64(i/125+1))
			}
			if got := found.Next(); got.State == 0 || got.Bad == good {
				t.Fatalf("%s: got %+v, while there is a good one: %v", what, got, good)
			}
		}
	}
}
