package bootloader_test

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"moss/bootloader"
	"moss/bootloader/efivar"
	"moss/internal/atomicfile"
)

// A second sync makes no call that changes anything, and no file is touched.
func TestSecondSyncMakesNoCall(t *testing.T) {
	r := newRig(t, nil)
	w := want(states(r, 6)...)
	r.sync(w)
	before := r.stamps()
	plan, err := r.plan(w)
	if err != nil {
		t.Fatal(err)
	}
	rec := newRecorder(t, r.boot.Dir)
	if _, err := bootloader.ApplyOn(plan, nil, rec); err != nil || len(rec.calls) != 0 || rec.bytes != 0 {
		t.Errorf("got %v, %v, want no call", rec.calls, err)
	}
	if after := r.stamps(); !maps.Equal(before, after) {
		t.Errorf("got %v, want %v", after, before)
	}
}

// The first state costs its files; a further one with the same kernel costs one
// entry, whatever the number of those that are there.
func TestFurtherStateCostsOneEntry(t *testing.T) {
	r := newRig(t, nil)
	w := want(states(r, 4)...)
	w.Keep = 50
	r.sync(w)
	files := r.scan()
	w.States = states(r, 5)
	plan, err := r.plan(w)
	if err != nil {
		t.Fatal(err)
	}
	rec := newRecorder(t, r.boot.Dir)
	if _, err := bootloader.ApplyOn(plan, nil, rec); err != nil {
		t.Fatal(err)
	}
	after := r.scan()
	newest := after.Ours[len(after.Ours)-1]
	if len(after.Ours) != 5 || !maps.Equal(after.Files, files.Files) || rec.bytes != len(newest.Data) || len(newest.Data) > 1024 {
		t.Errorf("got %d bytes written for %s, want its %d, at most 1024, alone", rec.bytes, newest.File, len(newest.Data))
	}
	if got := strings.Count(strings.Join(rec.calls, "\n"), "rename "); got != 1 {
		t.Errorf("got %d files written, want 1: %v", got, rec.calls)
	}
}

// liar is a device that gives back something else than it got.
type liar struct {
	bootloader.Disk
	about string
}

func (l liar) Create(dir, pattern string) (atomicfile.File, error) {
	file, err := l.Disk.Create(dir, pattern)
	if err == nil && strings.Contains(pattern, l.about) {
		file = liarFile{file}
	}
	return file, err
}

type liarFile struct{ atomicfile.File }

func (f liarFile) Again() (io.Reader, error) {
	good, err := f.File.Again()
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(good)
	data[len(data)/2] ^= 1
	return bytes.NewReader(data), err
}

func TestWhatDoesNotReadBackGetsNoName(t *testing.T) {
	for about, entries := range map[string]int{".linux": 0, ".initrd": 0, ".conf.tmp": 0, "loader.conf": 2} {
		r := newRig(t, nil)
		plan, err := r.plan(want(states(r, 2)...))
		if err != nil {
			t.Fatal(err)
		}
		_, err = bootloader.ApplyOn(plan, nil, liar{bootloader.RealDisk{}, about})
		if err == nil || !strings.Contains(err.Error(), "does not read back") || !strings.Contains(err.Error(), about[:4]) {
			t.Errorf("%s: got %v, want the file named", about, err)
		}
		found := r.scan()
		if len(found.Ours) != entries || len(found.Stale) != 0 {
			t.Errorf("%s: got entries %v and temporary files %v, want %d and none", about, r.entries(), found.Stale, entries)
		}
	}
}

// stubborn variables cannot be changed.
type stubborn struct{ efivar.Memory }

func (*stubborn) Write(efivar.Key, []byte, efivar.Attributes) error { return unix.EIO }
func (*stubborn) Delete(efivar.Key) error                           { return unix.EIO }

func TestVariables(t *testing.T) {
	key := efivar.Loader("LoaderEntryPreferred")
	steps := func(needed bool) bootloader.Plan {
		return bootloader.Plan{Steps: []bootloader.Step{
			{Op: bootloader.OpSet, Key: key, Data: efivar.Encode("x*"), Text: "prefer x", Needed: needed},
			{Op: bootloader.OpUnset, Key: efivar.Loader("LoaderEntryDefault"), Text: "forget default", Needed: needed},
		}}
	}
	vars := &efivar.Memory{}
	if err := efivar.SetText(vars, "LoaderEntryDefault", "old"); err != nil {
		t.Fatal(err)
	}
	if warnings, err := bootloader.Apply(steps(true), vars); err != nil || len(warnings) != 0 {
		t.Errorf("got %v, %v, want none", warnings, err)
	}
	if got, err := efivar.Text(vars, "LoaderEntryPreferred"); got != "x*" || err != nil {
		t.Errorf("got %q, %v, want it set", got, err)
	}
	if keys, _ := vars.List(); len(keys) != 1 {
		t.Errorf("got %v, want the other gone", keys)
	}
	if warnings, err := bootloader.Apply(steps(true), nil); err != nil || len(warnings) != 1 {
		t.Errorf("no variables: got %v, %v, want one warning", warnings, err)
	}
	if warnings, err := bootloader.Apply(steps(false), &stubborn{}); err != nil || len(warnings) != 2 || !strings.HasPrefix(warnings[0], "prefer x: ") {
		t.Errorf("hints: got %v, %v, want two warnings", warnings, err)
	}
	if _, err := bootloader.Apply(steps(true), &stubborn{}); !errors.Is(err, unix.EIO) || !strings.HasPrefix(err.Error(), "prefer x: ") {
		t.Errorf("needed: got %v, want the step's error", err)
	}
}
