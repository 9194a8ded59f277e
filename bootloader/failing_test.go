package bootloader_test

import (
	"slices"
	"strings"
	"testing"

	"moss/bootloader"
	"moss/bootloader/bls"
	"moss/bootloader/efivar"
	"moss/internal/testutil"
)

// TestBadStateHasNoTries: whatever its entry is called, and whether its text
// changes or not, the plan gives it a name without tries.
func TestBadStateHasNoTries(t *testing.T) {
	for _, c := range []struct {
		was, changed, steps, want string
	}{
		{"", "", "entry sync", "2-6.1_+0.conf"},
		{"2-6.1_+3.conf", "", "entry drop sync", "2-6.1_+0.conf"},
		{"2-6.1_.conf", "", "entry drop sync", "2-6.1_+0.conf"},
		{"2-6.1_+2-1.conf", "", "entry drop sync", "2-6.1_+0-1.conf"},
		{"2-6.1_+0-3.conf", "", "", "2-6.1_+0-3.conf"},
		{"2-6.1_+0.conf 2-6.1_+2-1.conf", "", "drop sync", "2-6.1_+0.conf"},
		{"2-6.1_+2-1.conf", "title", "entry drop sync", "2-6.1_+0-1.conf"},
		{"2-6.1_+0-3.conf", "title", "entry sync", "2-6.1_+0-3.conf"},
		{"2-6.1_+2-1.conf", "options", "entry drop sync", "2-6.1_+0.conf"},
		{"2-6.1_+0-3.conf", "options", "entry drop sync", "2-6.1_+0.conf"},
		{"2-6.1_+0.conf 2-6.1_+2-1.conf", "options", "entry drop sync", "2-6.1_+0.conf"},
	} {
		r := newRig(t, nil)
		w := want(states(r, 2)...)
		w.States[1].Tries = 3
		r.sync(w)
		text := r.read(ourEntry("2-6.1_+3"))
		r.remove(ourEntry("2-6.1_+3"))
		for _, file := range strings.Fields(c.was) {
			r.write("loader/entries/moss-"+token+"-"+file, text)
		}
		w.States[1].Bad = true
		switch k := &w.States[1].Kernels[0]; c.changed {
		case "title":
			w.States[1].Summary = "another"
		case "options":
			k.Cmdline = append(k.Cmdline, "more")
		}
		if got := ops(r.sync(w)); got != c.steps {
			t.Errorf("%q, %q: got %s, want %s", c.was, c.changed, got, c.steps)
		}
		if got := r.entries(); !slices.Equal(got, []string{"1-6.1_.conf", c.want}) {
			t.Errorf("%q, %q: got %v, want %s", c.was, c.changed, got, c.want)
		}
		if got := r.chosen(); got.Version != "1-6.1" {
			t.Errorf("%q, %q: got %s chosen, want the state that works", c.was, c.changed, got.File)
		}
		if plan := r.sync(w); len(plan.Steps) != 0 {
			t.Errorf("%q, %q: got %s the second time, want none", c.was, c.changed, ops(plan))
		}
		if w.States[1].Bad = false; len(r.sync(w).Steps) != 0 {
			t.Errorf("%q, %q: got a counter that begins anew by itself", c.was, c.changed)
		}
	}
}

func (r rig) remove(rel string) {
	r.t.Helper()
	if err := bootloader.RealDisk.Remove(bootloader.RealDisk{}, r.path(rel)); err != nil {
		r.t.Fatal(err)
	}
}

// The old name of an entry is no twin that may go early: until the new one is
// there, it is the entry.
func TestBadStateKeepsItsEntryWhenSpaceIsShort(t *testing.T) {
	r := newRig(t, nil)
	w := want(own(r, 1), own(r, 2), own(r, 3))
	w.Booted = 2
	r.sync(w)
	w.States[1].Bad, w.States = true, w.States[1:]
	for free := range 30 {
		plan, err := r.short(w, free)
		if err != nil {
			continue
		}
		written := false
		for _, step := range plan.Steps {
			written = written || step.Op == bootloader.OpEntry && strings.Contains(step.Path, "-2-6.1_+0.conf")
			if step.Op == bootloader.OpDrop && strings.Contains(step.Path, "-2-6.1_.conf") && !written {
				t.Errorf("%d clusters: got %s, want the new name before the old one goes", free, ops(plan))
			}
		}
		if !written && free > 3 {
			t.Errorf("%d clusters: got %s, want the tries taken", free, ops(plan))
		}
	}
}

// A known-bad state gives way before a good one that is older.
func TestPain02BadStatesGiveWayFirst(t *testing.T) {
	for _, c := range []struct {
		bad, shrunk []uint64
		pinned      int // none at 0
	}{
		{nil, []uint64{1}, 0},
		{[]uint64{3}, []uint64{3}, 0},
		{[]uint64{2, 3}, []uint64{2}, 0},
		{[]uint64{3}, []uint64{1}, 3},
		{[]uint64{4}, []uint64{1}, 0}, // the live one
		{[]uint64{5}, []uint64{5}, 0}, // the newest, and nothing needs it
		{[]uint64{1, 2, 3, 4, 5}, []uint64{1}, 0},
	} {
		r := newRig(t, nil)
		w := want(own(r, 1), own(r, 2), own(r, 3), own(r, 4))
		w.Active = 4
		r.sync(w)
		w.States = append(w.States, own(r, 5))
		for i := range w.States {
			w.States[i].Bad = slices.Contains(c.bad, w.States[i].ID)
			w.States[i].Pinned = i+1 == c.pinned
		}
		plan, err := r.short(w, 10)
		if err != nil || !slices.Equal(plan.Shrunk, c.shrunk) {
			t.Errorf("bad %v: got %v without an entry, %v, want %v", c.bad, plan.Shrunk, err, c.shrunk)
		}
	}
}

// What the next boot alone is to start is not taken from it for lack of space,
// nor offered to be removed.
func TestOneShotStaysWhenSpaceIsShort(t *testing.T) {
	r, vars := newRig(t, nil), &efivar.Memory{}
	w := want(own(r, 1), own(r, 2), own(r, 3))
	w.Active = 3
	r.sync(w)
	w.States, w.Once, w.Keep = append(w.States, own(r, 4)), 1, 3
	if err := efivar.SetText(vars, "LoaderEntryOneShot", bootloader.Pattern(token, 1)); err != nil {
		t.Fatal(err)
	}
	plan, err := r.short(w, 10)
	if err != nil || !slices.Equal(plan.Shrunk, []uint64{2}) {
		t.Fatalf("got %v without an entry, %v, want state 2", plan.Shrunk, err)
	}
	r.apply(plan, vars)
	found := r.scan()
	found.Vars = bootloader.ReadVariables(vars)
	if got := found.Next(); got.State != 1 || got.Why != bls.ByOneShot {
		t.Errorf("got %+v, want the state of the one-shot", got)
	}
}

// Once no state has tries left the loader starts a state all the same, not a
// shell.
func TestRescueIsNeverTheDefault(t *testing.T) {
	r := newRig(t, nil)
	w := want(states(r, 2)...)
	w.Rescue = &w.States[0].Kernels[0]
	r.sync(w)
	for _, file := range []string{"1-6.1_", "2-6.1_"} {
		r.bless(file, false)
	}
	for what, v := range generations() {
		if got := r.next(v); got.State != 2 || got.Why != bls.ByConfig {
			t.Errorf("%s: got %+v, want the newest state", what, got)
		}
	}
	for _, setting := range []string{"moss-" + token + "-*", "moss-" + token + "-[0-9]*"} {
		found := r.scan()
		found.Vars.Default = setting
		if got := found.Wish(); got != 0 {
			t.Errorf("%s: got the wish for state %d, want none: it leaves it to the order", setting, got)
		}
	}
}

// A sync that nobody gave a choice does not take the say from another system by
// the way of LoaderEntryPreferred.
func TestSyncLeavesAForeignDefault(t *testing.T) {
	for _, c := range []struct {
		conf, variable, saved string
		before                string
		take                  bool
		want                  string
	}{
		{"", "other*", "", "", false, ""},
		{"default other*\n", "", "", "", false, ""},
		{"preferred other*\n", "", "", "", false, ""},
		{"", "@saved", "other.conf", "", false, ""},
		{"", "@saved", bootloader.Pattern(token, 3), "", false, ""},
		{"", "other*", "", "moss-" + token + "-9-*", false, ""},
		{"", "other*", "", "", true, bootloader.Pattern(token, 1)},
		{"default other*\n", "", "", "", true, bootloader.Pattern(token, 1)},
		{"", "", "", "", false, bootloader.Pattern(token, 1)},
		{"", "gone*", "", "", false, bootloader.Pattern(token, 1)},
		{"", bootloader.Pattern(token, 3), "", "", false, bootloader.Pattern(token, 1)},
		{"default other*\n", "", "", bootloader.Pattern(token, 1), false, bootloader.Pattern(token, 1)},
	} {
		r := newRig(t, testutil.Tree{"other": "x", "loader/entries/other.conf": "linux /other\n", "loader/loader.conf": c.conf})
		vars := &efivar.Memory{}
		w := want(states(r, 3)...)
		r.withVars(w, vars)
		if err := vars.Write(efivar.Loader("LoaderFeatures"), []byte{0xff, 7, 8, 0, 0, 0, 0, 0}, efivar.Volatile); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{"LoaderEntryDefault": c.variable, "LoaderEntryLastBooted": c.saved, "LoaderEntryPreferred": c.before} {
			if err := efivar.SetText(vars, name, text); text != "" && err != nil {
				t.Fatal(err)
			}
		}
		usual := func() string {
			found := r.scan()
			found.Vars = bootloader.ReadVariables(vars)
			return found.Usual().File
		}
		before := usual()
		w.Default, w.TakeDefault = 1, c.take
		r.withVars(w, vars)
		if got := bootloader.ReadVariables(vars).Preferred; got != c.want {
			t.Errorf("%+v: got %q preferred, want %q", c, got, c.want)
		}
		if got := usual(); before == "other.conf" && !c.take && got != before {
			t.Errorf("%+v: got %s started, want %s still", c, got, before)
		}
		if plan := r.withVars(w, vars); len(plan.Steps) != 0 {
			t.Errorf("%+v: got %s the second time, want nothing", c, ops(plan))
		}
	}
}

// What is offered would do, and can be typed.
func TestSpaceHint(t *testing.T) {
	for _, c := range []struct {
		e    bootloader.SpaceError
		want string
	}{
		{bootloader.SpaceError{Need: 9000, Foreign: 8000}, "free 9 kB on /boot: make it larger"},
		{bootloader.SpaceError{Need: 9000, Foreign: 9000}, "free 9 kB on /boot: delete files of others there (they take 9 kB)"},
		{bootloader.SpaceError{Need: 9000, Have: 4000, Foreign: 6000}, "free 5 kB on /boot: delete files of others there (they take 6 kB)"},
		{bootloader.SpaceError{Need: 9000, Frees: []bootloader.Freed{{State: 3, Bytes: 9000}, {State: 1, Bytes: 9000, Pinned: true}}}, "free 9 kB on /boot: remove state 3 (9 kB), or unpin and remove state 1 (9 kB)"},
		{bootloader.SpaceError{Need: 9000, Foreign: 8000, Frees: []bootloader.Freed{{State: 3, Bytes: 2000}}}, "free 9 kB on /boot: remove state 3 (2 kB), or make it larger"},
	} {
		c.e.Dir = "/boot"
		if got := c.e.Hint(); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
