package bootloader_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"moss/bootloader"
)

// An update whose write fails must not have removed the old menu first: with the
// device failing at any write, what booted before still does.
func TestPain03WriteErrorKeepsTheOldMenu(t *testing.T) {
	for what, stride := range map[error]int{unix.EIO: 1, unix.ENOSPC: 7, unix.EROFS: 9} {
		for at, more := 1, true; more; at += stride {
			r := newRig(t, nil)
			w := want(r.state(1, "6.1=kernel+initrd"))
			plan, err := r.plan(w)
			if err == nil {
				_, err = bootloader.ApplyOn(plan, nil, newRecorder(t, r.boot.Dir))
			}
			if err != nil {
				t.Fatal(err)
			}
			w.Keep, w.States = 1, append(w.States, r.state(2, "6.2=new kernel+new initrd"))
			if plan, err = r.plan(w); err != nil {
				t.Fatal(err)
			}
			rec := newRecorder(t, r.boot.Dir)
			rec.fail = func(n int, _ string) error {
				if n >= at {
					return what
				}
				return nil
			}
			_, err = bootloader.ApplyOn(plan, nil, rec)
			if more = err != nil; more && !errors.Is(err, what) {
				t.Fatalf("call %d: got %v, want %v", at, err, what)
			}
			if e := r.chosen(); len(e.Missing) > 0 || len(e.Initrd) == 0 {
				t.Errorf("%v at call %d: got %+v chosen", what, at, e)
			}
		}
	}
}

// A cut in the middle of an update must leave neither an empty menu nor an empty
// entry that nobody mends.
func TestPain04EmptyEntryIsMended(t *testing.T) {
	r := newRig(t, nil)
	w := want(states(r, 3)...)
	r.sync(w)
	before := r.stamps()
	entries := r.path("loader/entries")
	for _, state := range []int{1, 3} {
		path := filepath.Join(entries, fmt.Sprintf("moss-%s-%d-6.1_.conf", token, state))
		if err := os.Truncate(path, 0); err != nil {
			t.Fatal(err)
		}
	}
	if e := r.chosen(); !strings.Contains(e.File, "-2-") {
		t.Errorf("got %s chosen beside empty ones, want state 2", e.File)
	}
	r.sync(w)
	if e := r.chosen(); len(r.scan().Ours) != 3 || !strings.Contains(e.File, "-3-") || len(e.Missing) > 0 {
		t.Errorf("got %v and %s chosen, want three and the newest", r.entries(), e.File)
	}
	for _, own := range r.scan().Ours {
		if own.Err != nil {
			t.Errorf("%s: %v", own.File, own.Err)
		}
	}
	path := filepath.Join(entries, fmt.Sprintf("moss-%s-2-6.1_.conf", token))
	if after := r.stamps(); after[path] != before[path] {
		t.Error("got the whole entry written again")
	}
}
