package bootloader_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"moss/bootloader"
	"moss/bootloader/bls"
	"moss/internal/atomicfile"
	"moss/internal/testutil"
)

type atomicFile = atomicfile.File

// entryText is an entry as the menu writes it, whose kernel is /k.
func entryText(state, kernel, key string) string {
	return "title State " + state + "\nversion " + state + "-" + kernel + "\nmachine-id " + strings.Repeat("0a", 16) + "\nsort-key " + key + "\nlinux /k\noptions moss.fstx=" + state + "\n"
}

// menuOf is a $BOOT with these entries, each "state-kernel_+counter" and perhaps
// a sort key.
func menuOf(t testing.TB, entries ...string) rig {
	t.Helper()
	r := newRig(t, testutil.Tree{"k": "kernel"})
	for _, line := range entries {
		name, key, ok := strings.Cut(line, " ")
		if !ok {
			key = "debian"
		}
		state, rest, _ := strings.Cut(name, "-")
		kernel, _, _ := strings.Cut(rest, "_")
		r.write(ourEntry(name), entryText(state, kernel, key))
	}
	return r
}

func ourEntry(name string) string { return "loader/entries/moss-" + token + "-" + name + ".conf" }

func (r rig) bless(name string, good bool) string {
	r.t.Helper()
	got, err := bootloader.Bless(r.scan(), "moss-"+token+"-"+name+".conf", good)
	if err != nil {
		r.t.Fatal(err)
	}
	return strings.TrimSuffix(strings.TrimPrefix(got, "moss-"+token+"-"), ".conf")
}

func TestBless(t *testing.T) {
	for _, c := range []struct {
		was, file string
		good      bool
		want      string // its name, of which there is one
	}{
		{"1-6.1_+3", "1-6.1_+3", true, "1-6.1_"},
		{"1-6.1_+2-1", "1-6.1_+2-1", true, "1-6.1_"},
		{"1-6.1_+0-3", "1-6.1_+0-3", true, "1-6.1_"},
		{"1-6.1_", "1-6.1_", true, "1-6.1_"},
		{"1-6.1_", "1-6.1_", false, "1-6.1_+0"},
		{"1-6.1_+2-1", "1-6.1_+2-1", false, "1-6.1_+0-1"},
		{"1-6.1_+0-3", "1-6.1_+0-3", false, "1-6.1_+0-3"},
		{"1-6.1_ 1-6.1_+2-1", "1-6.1_+2-1", true, "1-6.1_"},
		{"1-6.1_ 1-6.1_+2-1", "1-6.1_", true, "1-6.1_"},
		{"1-6.1_ 1-6.1_+2-1", "1-6.1_+2-1", false, "1-6.1_+0-1"},
		{"1-6.1_+0 1-6.1_+2-1 1-6.1_", "1-6.1_+2-1", true, "1-6.1_"},
	} {
		r := menuOf(t, append(strings.Fields(c.was), "1-6.1.5_+3", "11-6.1_+3")...)
		text := r.read(ourEntry(c.file))
		foreign := "loader/entries/moss-ffff0000-1-6.1_+3.conf"
		r.write(foreign, "linux /k\n")
		if got := r.bless(c.file, c.good); got != c.want {
			t.Errorf("%s of %q, %v: got the name %s, want %s", c.file, c.was, c.good, got, c.want)
		}
		want := []string{c.want + ".conf", "1-6.1.5_+3.conf", "11-6.1_+3.conf"}
		slices.Sort(want)
		if got := r.entries(); !slices.Equal(got, want) {
			t.Errorf("%s of %q, %v: got %v, want %v", c.file, c.was, c.good, got, want)
		}
		if got := r.read(ourEntry(c.want)); got != text || !r.exists(foreign) {
			t.Errorf("%s of %q, %v: got %q and the foreign entry there %v", c.file, c.was, c.good, got, r.exists(foreign))
		}
	}
}

// TestBlessTwiceWritesNothing: by the change time of the file and of the folder.
func TestBlessTwiceWritesNothing(t *testing.T) {
	for _, good := range []bool{true, false} {
		r := menuOf(t, "1-6.1_+2-1")
		name := r.bless("1-6.1_+2-1", good)
		var before, after unix.Stat_t
		for _, path := range []string{r.path(ourEntry(name)), r.path("loader/entries")} {
			if err := unix.Stat(path, &before); err != nil {
				t.Fatal(err)
			}
			if got := r.bless(name, good); got != name {
				t.Errorf("got %s, want %s", got, name)
			}
			if err := unix.Stat(path, &after); err != nil || before.Ino != after.Ino || before.Ctim != after.Ctim {
				t.Errorf("good %v: %s was touched (%v)", good, path, err)
			}
		}
	}
}

func TestBlessRefuses(t *testing.T) {
	r := menuOf(t, "1-6.1_+3")
	r.write("loader/entries/linux+3.conf", "linux /k\n")
	r.write(ourEntry("2-6.1_+3"), "")
	for file, want := range map[string]string{
		"linux+3.conf":                      "no such entry of ours",
		"moss-" + token + "-9-6.1_.conf":    "no such entry of ours",
		"moss-" + token + "-2-6.1_+3.conf":  "moss-boot sync",
		"../moss-" + token + "-1-6.1_.conf": "no such entry of ours",
	} {
		if _, err := bootloader.Bless(r.scan(), file, true); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", file, err, want)
		}
	}
	if got := r.entries(); !slices.Equal(got, []string{"1-6.1_+3.conf", "2-6.1_+3.conf"}) || !r.exists("loader/entries/linux+3.conf") {
		t.Errorf("got %v, want nothing changed", got)
	}
}

// TestBlessAfterTheLoadersOwn: systemd-bless-boot renamed the entry after it was
// looked at.
func TestBlessAfterTheLoadersOwn(t *testing.T) {
	r := menuOf(t, "1-6.1_+2-1")
	found := r.scan()
	r.rename("1-6.1_+2-1.conf", "1-6.1_.conf")
	got, err := bootloader.Bless(found, "moss-"+token+"-1-6.1_+2-1.conf", true)
	if err != nil || got != "moss-"+token+"-1-6.1_.conf" || !slices.Equal(r.entries(), []string{"1-6.1_.conf"}) {
		t.Errorf("got %s, %v, %v", got, err, r.entries())
	}
	if err := os.Remove(r.path(ourEntry("1-6.1_"))); err != nil {
		t.Fatal(err)
	}
	if got, err := bootloader.Bless(found, "moss-"+token+"-1-6.1_+2-1.conf", true); err == nil || !strings.Contains(err.Error(), "moss-boot sync") {
		t.Errorf("of an entry that is gone: got %s, %v", got, err)
	}
}

// TestBlessBesideTheLoadersOwn: systemd-bless-boot renames the entry between two
// calls.
func TestBlessBesideTheLoadersOwn(t *testing.T) {
	r, raced := menuOf(t, "1-6.1_+2-1"), false
	meanwhile := func(call string) {
		if call == "rename" && !raced {
			raced = true
			r.rename("1-6.1_+2-1.conf", "1-6.1_.conf")
		}
	}
	got, err := bootloader.BlessOn(r.scan(), "moss-"+token+"-1-6.1_+2-1.conf", true, slow{full: true, before: meanwhile})
	if err != nil || !raced || got != "moss-"+token+"-1-6.1_.conf" || !slices.Equal(r.entries(), []string{"1-6.1_.conf"}) {
		t.Errorf("got %s, %v, %v, raced %v", got, err, r.entries(), raced)
	}
}

// slow is a disk that lets somebody else in before a call, and can be full.
type slow struct {
	bootloader.RealDisk
	full   bool
	before func(call string)
}

func (d slow) Create(dir, pattern string) (file atomicFile, err error) {
	d.before("create")
	if d.full {
		return nil, &fs.PathError{Op: "create", Path: dir, Err: unix.ENOSPC}
	}
	return d.RealDisk.Create(dir, pattern)
}

func (d slow) Remove(path string) error {
	d.before("remove " + filepath.Base(path))
	return d.RealDisk.Remove(path)
}

func (d slow) Rename(from, to string) error {
	d.before("rename")
	return d.RealDisk.Rename(from, to)
}

// TestBlessKeepsOneName: before every call that changes a name there is a whole
// entry, under the old name or the new.
func TestBlessKeepsOneName(t *testing.T) {
	for _, good := range []bool{true, false} {
		r, calls := menuOf(t, "1-6.1_+2-1"), []string{}
		watch := func(call string) {
			calls = append(calls, call)
			if !slices.ContainsFunc(r.scan().Ours, func(o bootloader.Own) bool { return o.Err == nil && o.State == 1 }) {
				t.Errorf("good %v: no entry before %s", good, call)
			}
			if strings.HasPrefix(call, "remove moss") && len(r.entries()) != 2 {
				t.Errorf("good %v: got %v when the old name goes, want the new one beside it", good, r.entries())
			}
		}
		if _, err := bootloader.BlessOn(r.scan(), "moss-"+token+"-1-6.1_+2-1.conf", good, slow{before: watch}); err != nil {
			t.Fatal(err)
		}
		if want := "create rename remove moss-" + token + "-1-6.1_+2-1.conf"; strings.Join(calls, " ") != want {
			t.Errorf("good %v: got %q, want %q", good, strings.Join(calls, " "), want)
		}
	}
}

// TestBlessOnAFullPartition: an entry that works must not count down because
// there is no room for a second one; the rubbish goes first.
func TestBlessOnAFullPartition(t *testing.T) {
	r := menuOf(t, "1-6.1_+1-2")
	rubbish := "loader/entries/.moss-" + token + "-7-6.1_.conf.tmp-123"
	r.write(rubbish, "half")
	got, err := bootloader.BlessOn(r.scan(), "moss-"+token+"-1-6.1_+1-2.conf", true, slow{full: true, before: func(string) {}})
	if err != nil || got != "moss-"+token+"-1-6.1_.conf" || !slices.Equal(r.entries(), []string{"1-6.1_.conf"}) {
		t.Errorf("got %s, %v, %v", got, err, r.entries())
	}
	if r.exists(rubbish) {
		t.Error("the rubbish of an earlier writer is still there")
	}
}

// shared is a FAT on which a cut has left two names of one file.
type shared struct{ bootloader.RealDisk }

func (shared) Start(string) int { return 7 }

func TestBlessNeverFreesTheClustersOfWhatStays(t *testing.T) {
	r := menuOf(t, "1-6.1_", "1-6.1_+2-1")
	_, err := bootloader.BlessOn(r.scan(), "moss-"+token+"-1-6.1_+2-1.conf", true, shared{})
	if err == nil || !strings.Contains(err.Error(), "fsck.fat") || len(r.entries()) != 2 {
		t.Errorf("got %v, %v, want both names kept and the cure named", err, r.entries())
	}
}

// TestBlessReportsTheCause: the error is the cause, nothing has changed.
func TestBlessReportsTheCause(t *testing.T) {
	r := menuOf(t, "1-6.1_+2-1")
	for _, call := range []string{"create", "rename"} {
		d := failing{call: call}
		if _, err := bootloader.BlessOn(r.scan(), "moss-"+token+"-1-6.1_+2-1.conf", true, d); !errors.Is(err, unix.EROFS) {
			t.Errorf("%s: got %v, want that it is read-only", call, err)
		}
		if got := r.entries(); !slices.Equal(got, []string{"1-6.1_+2-1.conf"}) {
			t.Errorf("%s: got %v, want it as it was", call, got)
		}
	}
}

type failing struct {
	bootloader.RealDisk
	call string
}

func (d failing) Create(dir, pattern string) (atomicFile, error) {
	if d.call == "create" {
		return nil, unix.EROFS
	}
	return d.RealDisk.Create(dir, pattern)
}

func (d failing) Rename(from, to string) error {
	if d.call == "rename" {
		return unix.EROFS
	}
	return d.RealDisk.Rename(from, to)
}

// TestBlessedNamesAreTheLoadersOwn: what a bless makes of a name is what the
// loader reads as good, and as bad.
func TestBlessedNamesAreTheLoadersOwn(t *testing.T) {
	r := menuOf(t, "1-6.1_+2-1")
	for _, good := range []bool{false, true} {
		file := filepath.Base(r.scan().Ours[0].File)
		got, err := bootloader.Bless(r.scan(), file, good)
		name, ok := bls.ParseName(got)
		if err != nil || !ok || name.Bad() == good || name.Counted == good {
			t.Errorf("good %v: got %s, %v", good, got, err)
		}
	}
}
