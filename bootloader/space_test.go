package bootloader_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"moss/bootloader"
	"moss/bootloader/esp"
)

func TestSpaceIsPlannedForThePeak(t *testing.T) {
	r := newRig(t, nil)
	w := want(r.state(1, "6.1="+strings.Repeat("k", 5000)+"+"+strings.Repeat("i", 100)))
	w.Contents, _ = bootloader.Digest(w)
	found := r.scan()
	found.Space = esp.Space{Free: 1 << 20, Total: 1 << 20, Cluster: 512}
	plan, err := bootloader.MakePlan(w, found)
	if err != nil {
		t.Fatal(err)
	}
	// Kernel 10 clusters; initrd, entry, loader.conf, marker, three folders one
	// each; the rest is for names.
	if plan.Need < 17*512 || plan.Need > 24*512 {
		t.Errorf("got need %d, want 17 to 24 clusters of 512", plan.Need)
	}
	found.Space.Free = plan.Need
	if _, err := bootloader.MakePlan(w, found); err != nil {
		t.Errorf("got %v with just enough", err)
	}
	// Without loader.conf the menu works too; without the rest it does not.
	found.Space.Free = plan.Need - 512
	lean, err := bootloader.MakePlan(w, found)
	if err != nil || strings.Contains(ops(lean), "config") {
		t.Fatalf("got %s, %v, want loader.conf left out", ops(lean), err)
	}
	found.Space.Free = lean.Need - 512
	_, err = bootloader.MakePlan(w, found)
	var space *bootloader.SpaceError
	if !errors.As(err, &space) || space.Need != lean.Need || space.Have != lean.Need-512 {
		t.Fatalf("got %v, want need %d and one cluster less", err, lean.Need)
	}
	if !strings.Contains(space.Hint(), r.boot.Dir) {
		t.Errorf("got hint %q, want the place in it", space.Hint())
	}
}

func TestRubbishGoesFirstWhenSpaceIsShort(t *testing.T) {
	r := newRig(t, nil)
	r.write("moss-"+token+"/"+strings.Repeat("0", 32)+".linux", strings.Repeat("x", 9000))
	w := want(r.state(2, "6.1="+strings.Repeat("k", 5000)))
	w.Contents, _ = bootloader.Digest(w)
	found := r.scan()
	found.Space = esp.Space{Free: 4096, Total: 1 << 20, Cluster: 512}
	plan, err := bootloader.MakePlan(w, found)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(ops(plan), "sweep sync ") {
		t.Errorf("got %s, want the sweep first", ops(plan))
	}
	found.Space.Free = 1 << 20
	plan, err = bootloader.MakePlan(w, found)
	if err != nil || !strings.HasSuffix(ops(plan), " sweep") {
		t.Errorf("got %s, %v, want the sweep last when there is room", ops(plan), err)
	}
}

func TestRemovalNeedsNoSpace(t *testing.T) {
	r := newRig(t, nil)
	w := want(states(r, 3)...)
	r.sync(w)
	w.States = w.States[1:]
	w.Contents, _ = bootloader.Digest(w)
	found := r.scan()
	found.Space.Free = 0
	plan, err := bootloader.MakePlan(w, found)
	if err != nil || ops(plan) != "drop sync" {
		t.Errorf("got %s, %v, want the entry dropped on a full partition", ops(plan), err)
	}
}

func TestReadOnlyIsNoticedBeforeTheFirstWrite(t *testing.T) {
	r := newRig(t, nil)
	w := want(states(r, 1)...)
	w.Contents, _ = bootloader.Digest(w)
	found := r.scan()
	found.Space.ReadOnly = true
	_, err := bootloader.MakePlan(w, found)
	var readOnly *bootloader.ReadOnlyError
	if !errors.As(err, &readOnly) || readOnly.Hint() == "" {
		t.Errorf("got %v, want read-only with a hint", err)
	}
	r.sync(w)
	found = r.scan()
	found.Space.ReadOnly = true
	if _, err := bootloader.MakePlan(w, found); err != nil {
		t.Errorf("got %v, want no error when nothing has to be written", err)
	}
}

// The damaged file is there until the good one has its name.
func TestReplacingNeedsRoomForBoth(t *testing.T) {
	r := newRig(t, nil)
	w := want(own(r, 1))
	r.sync(w)
	r.write(name(strings.Repeat("b", 10*512), ".linux"), strings.Repeat("x", 10*512))
	if plan, err := r.short(w, 9); err == nil {
		t.Errorf("got %s with need %d, want 10 clusters asked for", ops(plan), plan.Need)
	}
	if _, err := r.short(w, 13); err != nil {
		t.Error(err)
	}
}

// A title is not worth an entry, nor is it worth an error.
func TestFullPartitionKeepsOldTitles(t *testing.T) {
	r := newRig(t, nil)
	w := want(states(r, 3)...)
	r.sync(w)
	w.States[2].Summary, w.States = "renamed", w.States[1:]
	plan, err := r.short(w, 0)
	if err != nil || ops(plan) != "drop sync" || len(plan.Shrunk) > 0 {
		t.Errorf("got %s, %v, %v, want the removal alone", ops(plan), plan.Shrunk, err)
	}
	w.Default = 2
	if plan, err = r.short(w, 0); err == nil {
		t.Errorf("got %s, want an error where the order cannot be changed", ops(plan))
	}
}

// What room there is shows only once something is written. A state that came back
// for that goes for no other: the menu would be another one after each sync.
func TestStatesDoNotTakeTurns(t *testing.T) {
	r := newRig(t, nil)
	two := r.state(2, "6.1="+strings.Repeat("k", 20*512))
	r.sync(want(r.state(1, "6.1="+strings.Repeat("j", 20*512)), own(r, 5)))
	w := want(r.state(1, "6.1="+strings.Repeat("j", 20*512)), two, own(r, 5))
	plan, err := r.short(w, 10)
	if err != nil || len(plan.Steps) != 0 || !slices.Equal(plan.Shrunk, []uint64{2}) {
		t.Errorf("got %s, %v, %v, want state 1 left where it is", ops(plan), plan.Shrunk, err)
	}
	// One that fails goes for it, and does not come before it either.
	w.States[0].Bad = true
	plan, err = r.short(w, 10)
	if err != nil || !strings.HasPrefix(ops(plan), "drop sync sweep sync copy ") || !slices.Equal(plan.Shrunk, []uint64{1}) {
		t.Errorf("got %s, %v, %v, want state 2 for state 1", ops(plan), plan.Shrunk, err)
	}
	bad := r.state(3, "6.1=small")
	bad.Bad = true
	w = want(two, bad, own(r, 5))
	r.sync(want(own(r, 5)))
	if plan, err = r.short(w, 10); err != nil || len(plan.Steps) != 0 || !slices.Equal(plan.Shrunk, []uint64{3, 2}) {
		t.Errorf("got %s, %v, %v, want nothing for state 3 before state 2", ops(plan), plan.Shrunk, err)
	}
}

// A state that fails is not started by what an older loader.conf says.
func TestFullPartitionKeepsNoDefaultThatFails(t *testing.T) {
	r := newRig(t, nil)
	w := want(states(r, 3)...)
	r.sync(w)
	w.Default, w.States[2].Bad = 3, true
	r.sync(w)
	r.write("loader/loader.conf", "default "+bootloader.Pattern(token, 3)+"\n")
	for free := range 9 {
		if plan, err := r.short(w, free); err == nil && !strings.Contains(ops(plan), "config") {
			t.Errorf("%d clusters: got %s, want loader.conf put right", free, ops(plan))
		}
	}
}
