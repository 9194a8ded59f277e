package bootloader_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moss/bootloader"
)

var errCut = errors.New("power cut")

// cutAfter lets n steps pass.
func cutAfter(n int) func(string) error {
	return func(string) error {
		if n--; n < 0 {
			return errCut
		}
		return nil
	}
}

func TestApplyPassesAPointBeforeEveryStep(t *testing.T) {
	r := newRig(t, nil)
	plan, err := r.plan(want(states(r, 1)...))
	if err != nil {
		t.Fatal(err)
	}
	var points []string
	err = bootloader.ApplyWith(plan, func(name string) error {
		points = append(points, strings.TrimPrefix(name, "menu/"))
		return nil
	})
	if got := strings.Join(points, " "); err != nil || got != ops(plan)+" done" {
		t.Errorf("got %s, %v, want %s done", got, err, ops(plan))
	}
}

func TestApplyRefusesContentThatChanged(t *testing.T) {
	r := newRig(t, nil)
	w := want(states(r, 1)...)
	plan, err := r.plan(w)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(w.States[0].Kernels[0].Image, []byte("kerneI"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := bootloader.Apply(plan, nil); err == nil || !strings.Contains(err.Error(), "content changed") {
		t.Errorf("got %v, want the change noticed", err)
	}
	if r.exists(name("kernel", ".linux")) || len(r.entries()) != 0 {
		t.Error("got a file or an entry, want neither")
	}
	if len(r.scan().Stale) != 0 {
		t.Errorf("got %v left behind", r.scan().Stale)
	}
}

func TestApplyNamesTheStep(t *testing.T) {
	r := newRig(t, nil)
	w := want(states(r, 1)...)
	plan, err := r.plan(w)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(w.States[0].Kernels[0].Image); err != nil {
		t.Fatal(err)
	}
	if _, err := bootloader.Apply(plan, nil); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "copy kernel 6.1") {
		t.Errorf("got %v, want the step and the cause", err)
	}
	if _, err := bootloader.Apply(bootloader.Plan{Steps: []bootloader.Step{{Op: "bogus"}}}, nil); err == nil {
		t.Error("got no error for a step that does not exist")
	}
}

// An entry that was renamed between Scan and Apply (a counter, a blessing) is
// not an error; the next sync finds it.
func TestRemovedMeanwhile(t *testing.T) {
	r := newRig(t, nil)
	w := want(states(r, 2)...)
	for n := range w.States {
		w.States[n].Tries = 2
	}
	r.sync(w)
	w.States = w.States[1:]
	plan, err := r.plan(w)
	if err != nil {
		t.Fatal(err)
	}
	r.rename("1-6.1_+2.conf", "1-6.1_.conf")
	if _, err := bootloader.Apply(plan, nil); err != nil {
		t.Fatal(err)
	}
	r.sync(w)
	if got := r.entries(); !slices.Equal(got, []string{"2-6.1_+2.conf"}) {
		t.Errorf("got %v, want only state 2", got)
	}
}

// A cut within a step leaves at most a temporary file; the next sync takes it
// away and finishes.
func TestSyncAfterACutFinishes(t *testing.T) {
	r := newRig(t, nil)
	w := want(states(r, 6)...)
	plan, err := r.plan(w)
	if err != nil {
		t.Fatal(err)
	}
	for n := range plan.Steps {
		if err := bootloader.ApplyWith(plan, cutAfter(n)); !errors.Is(err, errCut) {
			t.Fatalf("got %v after %d steps", err, n)
		}
	}
	r.write("moss-"+token+"/."+filepath.Base(name("kernel", ".linux"))+".tmp-99", "ker")
	r.sync(w)
	if len(r.entries()) != 5 || len(r.scan().Stale) != 0 {
		t.Errorf("got %v and %v left", r.entries(), r.scan().Stale)
	}
}
