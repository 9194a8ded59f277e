package usrmerge

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"moss/internal/testutil"
)

// Which folders go over whole: those out of which no symlink climbs.
func TestCarriable(t *testing.T) {
	root := t.TempDir()
	testutil.Tree{
		"usr/lib/": "", "lib/plain/a/b": "x", "lib/inside/a/l": "-> ../b", "lib/inside/b": "x", "lib/out/a/l": "-> ../../x", "lib/out/b/c": "x",
		"lib/abs/l": "-> /etc/x", "lib/odd/l": "-> a/../../x", "lib/x": "x", "lib32/a": "x",
	}.Create(t, root)
	found, err := Scan(Options{Root: root})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, op := range found.Plan().Moves {
		if op.How == HowCarry {
			got = append(got, op.Path)
		}
	}
	if want := []string{"lib/abs", "lib/inside", "lib/out/b", "lib/plain", "lib32"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A cut between the two steps of a hand-over leaves a dangling symlink, which is
// ours by its text and nobody else's.
func TestHalfCarried(t *testing.T) {
	root := t.TempDir()
	testutil.Tree{"usr/lib/o": "o", "lib/a/b": "x", "usr/lib/a": "-> ../usr/lib/a", "lib/.m": "x"}.Create(t, root)
	if result, err := Run(t.Context(), Options{Root: root}); err != nil || !result.Merged {
		t.Fatalf("got %+v, %v", result, err)
	}
	if text, err := os.ReadFile(filepath.Join(root, "usr/lib/a/b")); string(text) != "x" {
		t.Errorf("got %q, %v", text, err)
	}
	other := t.TempDir()
	testutil.Tree{"usr/lib/o": "o", "lib/a/b": "x", "usr/lib/a": "-> ../nowhere"}.Create(t, other)
	result, err := Run(t.Context(), Options{Root: other})
	if err != nil || result.Merged || len(result.Plan.Refusals) != 1 || result.Plan.Refusals[0].Path != "lib/a" {
		t.Errorf("got %+v, %v, want /lib/a refused", result, err)
	}
}

// What turns out to be refused when links were made already is taken out of /usr
// again, but for what had its path there before.
func TestRefusedLate(t *testing.T) {
	root := t.TempDir()
	testutil.Tree{"bin/a": "a", "usr/bin": "-> ../bin", "lib/x": "x", "lib/d/l": "-> ../../etc", "usr/lib/o": "o", "sbin/s": "s"}.Create(t, root)
	found, err := Scan(Options{Root: root})
	if err != nil {
		t.Fatal(err)
	}
	plan := found.Plan()
	for _, dir := range []string{"bin", "lib"} {
		found.job.stuck = append(found.job.stuck, Refusal{Dir: dir, Path: dir, Why: "cannot be renamed"})
	}
	result, err := plan.Apply(t.Context())
	if err != nil || result.Merged || len(result.Plan.Refusals) != 2 {
		t.Fatalf("got %+v, %v, want two refused", result, err)
	}
	for name, want := range map[string]bool{"bin/a": true, "usr/bin/a": true, "lib/x": true, "usr/lib/x": false, "usr/lib/d": false, "usr/lib/o": true, "usr/sbin/s": true, journalName: false} {
		if _, err := os.Lstat(filepath.Join(root, name)); (err == nil) != want {
			t.Errorf("%s: got %v, want there %v", name, err, want)
		}
	}
}

// The number of an inode is used again; a file that came later is not ours.
func TestJournalKnowsItsOwn(t *testing.T) {
	mine := facts{kind: regular, ino: 7, size: 3, mtime: 5}
	j := &journal{notes: map[string]note{"f": noteOf(&mine, "", actLink), "l": noteOf(&facts{kind: symlink}, "text", actRelink), "d": noteOf(&facts{kind: folder}, "", actFolder)}}
	for _, tt := range []struct {
		name string
		f    facts
		want bool
	}{
		{"f", mine, true}, {"f", facts{kind: regular, ino: 7, size: 3, mtime: 6}, false}, {"f", facts{kind: regular, ino: 7, size: 4, mtime: 5}, false},
		{"f", facts{kind: regular, ino: 8, size: 3, mtime: 5}, false}, {"none", mine, false},
		{"l", facts{kind: symlink, text: "text"}, true}, {"l", facts{kind: symlink, text: "other"}, false}, {"l", mine, false},
		{"d", facts{kind: folder}, true}, {"d", mine, false},
	} {
		if got := j.ours(tt.name, &tt.f); got != tt.want {
			t.Errorf("%s %+v: got %v, want %v", tt.name, tt.f, got, tt.want)
		}
	}
}
