package bootloader_test

import (
	"slices"
	"strings"
	"testing"

	"moss/bootloader"
)

// TestRecount: an entry that is to be tried again counts down again, and is not
// started for ever.
func TestRecount(t *testing.T) {
	for _, c := range []struct {
		was, file string
		tries     uint
		want      string // its name, of which there is one
	}{
		{"1-6.1_+0-3", "1-6.1_+0-3", 3, "1-6.1_+3"},
		{"1-6.1_+0", "1-6.1_+0", 12, "1-6.1_+12"},
		{"1-6.1_+0-3", "1-6.1_+0-3", 0, "1-6.1_"},
		{"1-6.1_+2-1", "1-6.1_+2-1", 3, "1-6.1_+3"},
		{"1-6.1_+3", "1-6.1_+3", 3, "1-6.1_+3"},
		{"1-6.1_", "1-6.1_", 2, "1-6.1_+2"},
		{"1-6.1_ 1-6.1_+0-3", "1-6.1_+0-3", 3, "1-6.1_+3"},
		{"1-6.1_+3 1-6.1_+0-3", "1-6.1_+0-3", 3, "1-6.1_+3"},
	} {
		r := menuOf(t, append(strings.Fields(c.was), "1-6.1.5_+0-3", "11-6.1_+0-3")...)
		text := r.read(ourEntry(c.file))
		for range 2 {
			got, err := bootloader.Recount(r.scan(), "moss-"+token+"-"+c.file+".conf", c.tries)
			if c.file = c.want; err != nil || got != "moss-"+token+"-"+c.want+".conf" {
				t.Errorf("%q, %d tries: got the name %s, %v, want %s", c.was, c.tries, got, err, c.want)
			}
			want := []string{c.want + ".conf", "1-6.1.5_+0-3.conf", "11-6.1_+0-3.conf"}
			if slices.Sort(want); !slices.Equal(r.entries(), want) || r.read(ourEntry(c.want)) != text {
				t.Errorf("%q, %d tries: got %v, want %v", c.was, c.tries, r.entries(), want)
			}
		}
	}
	r := menuOf(t, "1-6.1_")
	if _, err := bootloader.Recount(r.scan(), "linux.conf", 3); err == nil || !strings.Contains(err.Error(), "no such entry of ours") {
		t.Errorf("got %v for a foreign entry", err)
	}
}

// TestRecountKeepsOneName: the old name goes when the new one is there.
func TestRecountKeepsOneName(t *testing.T) {
	r, calls := menuOf(t, "1-6.1_+0-3"), []string{}
	watch := func(call string) {
		calls = append(calls, call)
		if len(r.scan().Ours) == 0 || strings.HasPrefix(call, "remove moss") && len(r.entries()) != 2 {
			t.Errorf("got %v before %s", r.entries(), call)
		}
	}
	if _, err := bootloader.RecountOn(r.scan(), "moss-"+token+"-1-6.1_+0-3.conf", 3, slow{before: watch}); err != nil {
		t.Fatal(err)
	}
	if want := "create rename remove moss-" + token + "-1-6.1_+0-3.conf"; strings.Join(calls, " ") != want {
		t.Errorf("got %q, want %q", strings.Join(calls, " "), want)
	}
}

// TestPain05AnotherChanceIsNotForEver: what was tried again and fails again gives
// way again.
func TestPain05AnotherChanceIsNotForEver(t *testing.T) {
	for what, v := range generations() {
		r := menuOf(t, "2-6.1_+0-3 0-debian", "1-6.1_")
		if _, err := bootloader.Recount(r.scan(), "moss-"+token+"-2-6.1_+0-3.conf", 2); err != nil {
			t.Fatal(err)
		}
		var booted []uint64
		for range 4 {
			booted = append(booted, r.bootOnce(v))
		}
		if want := []uint64{2, 2, 1, 1}; !slices.Equal(booted, want) {
			t.Errorf("%s: got %v, want %v", what, booted, want)
		}
	}
}
