package usrmerge

import (
	"os"
	"path/filepath"
	"testing"

	"moss/internal/testutil"
)

func TestJournalComesBack(t *testing.T) {
	s := lookingAt(t, testutil.Tree{"usr/": ""})
	want := map[string]note{
		"usr/bin/a":      {kind: regular, ino: 12, size: 3, mtime: -5},
		"usr/bin/\n\xff": {kind: regular, ino: 1 << 63, size: 0, mtime: 1, over: true},
		"usr/bin/l":      {kind: symlink, text: "../../etc/\n x"},
		"usr/lib/d":      {kind: folder},
	}
	for name, n := range want {
		s.made.add(name, n)
	}
	if err := s.made.write(s.root); err != nil {
		t.Fatal(err)
	}
	got, err := readJournal(s.root)
	if err != nil || len(got.notes) != len(want) || !got.there {
		t.Fatalf("got %+v, %v, want %+v", got, err, want)
	}
	for name, n := range want {
		if got.notes[name] != n {
			t.Errorf("%q: got %+v, want %+v", name, got.notes[name], n)
		}
	}
	if err := got.forget(&Found{}, s.root); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(filepath.Join(s.root.path, "usr")); len(left) > 0 {
		t.Errorf("got %v, want nothing left", left)
	}
}

// A journal that a cut or a person has damaged is as good as what can be read.
func TestDamagedJournal(t *testing.T) {
	for _, text := range []string{"", "\x00", "usr/bin/a", "usr/bin/a\x00f\x00x\x000\x000\x00\x00", "usr/bin/a\x00q\x001\x000\x000\x00\x00", "a\x00f\x001\x00"} {
		s := lookingAt(t, testutil.Tree{"usr/": "", journalName: text})
		got, err := readJournal(s.root)
		if err != nil || len(got.notes) > 0 || !got.there {
			t.Errorf("%q: got %+v, %v, want a journal without notes", text, got, err)
		}
	}
}

func TestSortNames(t *testing.T) {
	all := []string{"b", "", "a", "ab", "\xff", "a", "B", "z", "aa"}
	var got []named
	for _, name := range all {
		got = append(got, named{name: name})
	}
	sortNames(got)
	for i := 1; i < len(got); i++ {
		if got[i-1].name > got[i].name {
			t.Fatalf("got %v", got)
		}
	}
	for _, name := range all {
		if _, ok := find(got, name); !ok {
			t.Errorf("%q is not found", name)
		}
	}
	for _, name := range []string{"c", "0", "\xff\xff"} {
		if _, ok := find(got, name); ok {
			t.Errorf("%q is found", name)
		}
	}
	if _, ok := find(nil, "x"); ok {
		t.Error("found in nothing")
	}
}
