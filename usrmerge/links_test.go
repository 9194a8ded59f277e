package usrmerge

import (
	"os"
	"path/filepath"
	"testing"

	"moss/internal/testutil"
)

func TestClimb(t *testing.T) {
	for text, want := range map[string]int{
		"": 0, "x": 0, "x/y": 0, "/": 0, "/x": 0, ".": 0, "./x": 0, "..": 1, "../x": 1, "../../x": 2, "./.././/..//x": 2, "..x": 0, "x..": 0, "...": 0,
		"x/..": unclear, "../x/../y": unclear, "/x/../y": unclear, "/..": unclear,
	} {
		if got := climb(text); got != want {
			t.Errorf("%q: got %d, want %d", text, got, want)
		}
	}
}

func TestLexicalAndRelative(t *testing.T) {
	for _, tt := range []struct{ from, text, want string }{
		{"bin", "x", "bin/x"}, {"bin", "../lib/x", "lib/x"}, {"bin", "..", ""}, {"bin", "../../../x", "x"}, {"", "usr/bin", "usr/bin"},
		{"lib/a", "/etc/x", "etc/x"}, {"lib/a", "../../etc//x/.", "etc/x"}, {"bin", "\xff\n", "bin/\xff\n"},
	} {
		if got := lexical(tt.from, tt.text); got != tt.want {
			t.Errorf("%q from %q: got %q, want %q", tt.text, tt.from, got, tt.want)
		}
	}
	for _, tt := range []struct{ from, to, want string }{
		{"usr/bin", "usr/lib/x", "../lib/x"}, {"usr/bin", "etc/x", "../../etc/x"}, {"usr/bin", "usr/bin/x", "x"}, {"", "usr/bin", "usr/bin"},
		{"usr", "usr/bin", "bin"}, {"usr/bin", "", "../.."}, {"usr/bin", "usr/bin", "."}, {"usr/b", "usr/bin", "../bin"}, {"lib", "usr/lib/foo", "../usr/lib/foo"},
	} {
		got := relative(tt.from, tt.to)
		if got != tt.want || lexical(tt.from, got) != tt.to {
			t.Errorf("to %q from %q: got %q, want %q", tt.to, tt.from, got, tt.want)
		}
	}
}

// lookingAt is a scanner of a root in which bin and lib are being merged, lib32 is
// a folder that stays, and lib64 leads to usr/lib.
func lookingAt(t *testing.T, tree testutil.Tree) *scanner {
	t.Helper()
	dir := t.TempDir()
	tree.Create(t, dir)
	root, err := openRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(root.close)
	pairs := []moved{{old: "bin", new: "usr/bin", at: "bin", live: true}, {old: "lib", new: "usr/lib", at: "lib", live: true}, {old: "lib64", new: "usr/lib"}}
	made := &journal{notes: map[string]note{}}
	return &scanner{job: &job{root: root, equal: newComparer(), made: made}, mapping: mapping{pairs}, found: &Found{}, orphans: -1}
}

// The text that a symlink of /bin, or of /lib/a, has in its new place.
func TestRightText(t *testing.T) {
	s := lookingAt(t, testutil.Tree{"bin/": "", "lib/a/": "", "usr/bin/": "", "usr/lib/": "", "bin/dir/": "", "bin/jump": "-> ../opt/a/b", "opt/a/b/": "", "opt/a/x": ""})
	for _, tt := range []struct{ from, text, want string }{
		{"bin", "x", "x"},
		{"bin", "../lib/y", "../lib/y"},
		{"bin", "../bin/y", "../bin/y"},
		{"bin", "../etc/y", "../../etc/y"},
		{"bin", "../etc/y/", "../../etc/y/"},
		{"bin", "../usr/lib/y", "../lib/y"},
		{"bin", "../lib32/y", "../../lib32/y"},
		{"bin", "../lib64/y", "../lib/y"},
		{"bin", "..", "../.."},
		{"bin", "../../../etc/y", "../../../etc/y"},
		{"bin", "/etc/y", "/etc/y"},
		{"bin", "/lib/y", "/lib/y"},
		{"bin", "/lib/../etc/y", "/etc/y"},
		{"bin", "../lib/../etc/y", "../../etc/y"},
		{"bin", "dir/../../etc/y", "../../etc/y"},
		{"bin", "dir/../y", "dir/../y"},
		{"bin", "jump/../x", "jump/../x"},
		{"bin", "../bin/jump/../x", "jump/../x"},
		{"lib/a", "../b", "../b"},
		{"lib/a", "../../bin/x", "../../bin/x"},
		{"lib/a", "../../etc/x", "../../../etc/x"},
		{"bin", "../etc/\xff \n", "../../etc/\xff \n"},
	} {
		if got := s.right(tt.from, s.final(tt.from), tt.text); got != tt.want {
			t.Errorf("%q in %s: got %q, want %q", tt.text, tt.from, got, tt.want)
		}
	}
}

// Symlinks are followed in the tree that the merge makes, and inside the root.
func TestFollow(t *testing.T) {
	s := lookingAt(t, testutil.Tree{
		"bin/dash": "d", "bin/sh": "-> dash", "usr/bin/sh": "-> ../../bin/sh", "usr/bin/vi": "-> /etc/alternatives/vi", "etc/alternatives/vi": "-> /bin/vi", "bin/vi": "v",
		"bin/loop": "-> loop", "etc/deep": "-> ../../../../../etc/alternatives", "lib/m/": "", "usr/lib/": "", "usr/bin/dead": "-> nowhere", "bin/dead": "alive", "lib64": "-> usr/lib",
	})
	for _, tt := range []struct {
		head, self       string
		old              bool
		path             string
		lost, twin, dead bool
	}{
		{head: "bin/dash", path: "usr/bin/dash"},
		{head: "usr/bin/dash", path: "usr/bin/dash"},
		{head: "bin/sh", path: "usr/bin/dash"},
		{head: "bin/vi", self: "usr/bin/vi", path: "usr/bin/vi", twin: true},
		{head: "etc/alternatives/vi", self: "usr/bin/vi", path: "usr/bin/vi", twin: true},
		{head: "etc/alternatives/vi", self: "usr/bin/vi", old: true, path: "usr/bin/vi", lost: true},
		{head: "bin/loop", lost: true},
		{head: "etc/deep/vi", path: "usr/bin/vi"},
		{head: "bin/dead", path: "usr/bin/dead"},
		{head: "lib/m", path: "usr/lib/m"},
		{head: "lib64/m", path: "usr/lib/m"},
		{head: "etc/none", lost: true},
		{head: "bin/dash/x", lost: true},
	} {
		got, err := s.follow(tt.head, "", tt.self, tt.old)
		if err != nil || got.lost != tt.lost || got.twin != tt.twin || !tt.lost && got.path != tt.path {
			t.Errorf("%s: got %q, lost %v, twin %v, %v, want %q, %v, %v", tt.head, got.path, got.lost, got.twin, err, tt.path, tt.lost, tt.twin)
		}
	}
}

// A root that is mounted somewhere is never left, whatever a symlink says.
func TestCanonicalStaysInside(t *testing.T) {
	s := lookingAt(t, testutil.Tree{"var": "-> /../../data", "data/lib/": "", "loop": "-> loop", "file": "x"})
	if got, err := s.root.canonical("var/lib", false); got != "data/lib" || err != nil {
		t.Errorf("got %q, %v, want data/lib", got, err)
	}
	for _, name := range []string{"loop/x", "file/x", "var/none"} {
		if got, err := s.root.canonical(name, false); err == nil {
			t.Errorf("%s: got %q, want an error", name, got)
		}
	}
	if got, err := s.root.canonical("var/lib/a/b", true); got != "data/lib/a/b" || err != nil {
		t.Errorf("got %q, %v, want it made", got, err)
	}
	info, err := os.Stat(filepath.Join(s.root.path, "data/lib/a/b"))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("got %v, %v, want a folder for root alone", info, err)
	}
}
