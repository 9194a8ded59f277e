package kmod

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"moss/internal/testutil"
)

// TestLaterWaits: nothing loads them but who asks for them, through the files of an
// image as well.
func TestLaterWaits(t *testing.T) {
	x := open(t, folder(t, testutil.Tree{
		"modules.dep":   "a.ko:\nb.ko: core.ko\ncore.ko:\nc.ko:\nout.ko:\n",
		"modules.alias": "alias pci:1 a\nalias pci:1 b\nalias pci:* c\nalias pci:1 out\n",
	}))
	x.Later("b", "c", "out")
	dir := t.TempDir()
	if err := x.Only([]string{"a", "b", "core", "c"}).Write(dir); err != nil {
		t.Fatal(err)
	}
	l, err := NewLoader(dir, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	k := &kernel{refuse: map[string]error{"c": unix.ENODEV, "core": unix.EIO}}
	l.Insert = k.insert
	if err := l.LoadAlias("pci:1"); err != nil || !l.HasLater() {
		t.Fatal(err, l.HasLater())
	}
	asked(t, k, "a")
	if err := l.LoadLater("pci:1"); !errors.Is(err, unix.EIO) || errors.Is(err, ErrUnknown) {
		t.Errorf("got %v, want the error of a driver, that of no device passed over, and nothing of one that is not here", err)
	}
	asked(t, k, "core", "c")
	if err := l.LoadLater("pci:2"); err != nil {
		t.Error(err)
	}
	asked(t, k, "c")
}

func TestNothingWaitsByItself(t *testing.T) {
	x := open(t, "testdata/debian")
	if _, ok := x.Texts()["modules.later"]; ok {
		t.Error("an index without modules that wait has a file for them")
	}
	l := loader(t, &kernel{}, nil, nil)
	if diff := cmp.Diff(false, l.HasLater()); diff != "" {
		t.Error(diff)
	}
}
