package bootloader_test

import (
	"errors"
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
	found.Space.Free = plan.Need - 512
	_, err = bootloader.MakePlan(w, found)
	var space *bootloader.SpaceError
	if !errors.As(err, &space) || space.Need != plan.Need || space.Have != plan.Need-512 {
		t.Fatalf("got %v, want need %d and one cluster less", err, plan.Need)
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
