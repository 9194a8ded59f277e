package tree_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"moss/store/stone"
	"moss/store/tree"
)

func file(path, body string) tree.Entry {
	return tree.Entry{Layout: stone.Layout{Path: path, Mode: unix.S_IFREG | 0o644, Hash: stone.HashOf([]byte(body))}, Size: int64(len(body))}
}

func folder(path string, mode uint32) tree.Entry {
	return tree.Entry{Layout: stone.Layout{Path: path, Mode: unix.S_IFDIR | mode}}
}

func link(path, target string) tree.Entry {
	return tree.Entry{Layout: stone.Layout{Path: path, Mode: unix.S_IFLNK | 0o777, Target: target}}
}

func packages(lists ...[]tree.Entry) []tree.Package {
	var all []tree.Package
	for i, entries := range lists {
		name := string(rune('a' + i))
		all = append(all, tree.Package{ID: "id-" + name, Name: "package-" + name, Entries: entries})
	}
	return all
}

func TestBuildAddsParentsAndSorts(t *testing.T) {
	got, err := tree.Build(packages(
		[]tree.Entry{file("share/b/c", "1"), file("share/a", "2")},
		[]tree.Entry{file("bin/x", "3"), folder("share/b", 0o700)}))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, e := range got.Entries {
		lines = append(lines, e.Path)
	}
	if diff := cmp.Diff([]string{"bin", "bin/x", "share", "share/a", "share/b", "share/b/c"}, lines); diff != "" {
		t.Error(diff)
	}
	if e := got.Entries[4]; e.Mode != unix.S_IFDIR|0o700 || e.Owner != 1 {
		t.Errorf("share/b: got mode %o owner %d, want what package-b says", e.Mode, e.Owner)
	}
	if e := got.Entries[0]; e.Owner != tree.Implied || e.Mode != unix.S_IFDIR|0o755 {
		t.Errorf("bin: got %+v, want an implied folder", e)
	}
}

func TestBuildRefusesConflictsNamingBoth(t *testing.T) {
	for name, both := range map[string][2]tree.Entry{
		"same file twice":         {file("bin/x", "1"), file("bin/x", "1")},
		"file against folder":     {file("bin/x", "1"), folder("bin/x", 0o755)},
		"symlink against symlink": {link("bin/x", "y"), link("bin/x", "y")},
		"folders with two modes":  {folder("bin", 0o755), folder("bin", 0o700)},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := tree.Build(packages([]tree.Entry{both[0]}, []tree.Entry{both[1]}))
			var conflict *tree.ConflictError
			if !errors.As(err, &conflict) {
				t.Fatalf("got %v, want a ConflictError", err)
			}
			for _, part := range []string{"package-a", "package-b", both[0].Path} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q does not name %s", err, part)
				}
			}
		})
	}
}

func TestBuildRefusesPathsByName(t *testing.T) {
	device := tree.Entry{Layout: stone.Layout{Path: "dev-null", Mode: unix.S_IFCHR | 0o666}}
	fifo := tree.Entry{Layout: stone.Layout{Path: "pipe", Mode: unix.S_IFIFO | 0o666}}
	for name, entries := range map[string][]tree.Entry{
		"absolute":                  {file("/etc/passwd", "x")},
		"dot dot":                   {file("bin/../../etc/passwd", "x")},
		"leading dot dot":           {file("../etc/passwd", "x")},
		"dot":                       {file("bin/./x", "x")},
		"empty component":           {file("bin//x", "x")},
		"trailing slash":            {file("bin/x/", "x")},
		"empty":                     {file("", "x")},
		"newline":                   {file("bin/x\ny", "x")},
		"NUL":                       {file("bin/x\x00y", "x")},
		"256-byte name":             {file(strings.Repeat("n", 256), "x")},
		"100,000-deep path":         {file(strings.Repeat("d/", 100_000)+"f", "x")},
		"the seal":                  {file(".stateID", "7")},
		"device node":               {device},
		"fifo":                      {fifo},
		"through a symlink":         {link("lib64", "lib"), file("lib64/x", "x")},
		"through a symlink outside": {link("share/out", "/etc"), file("share/out/passwd", "x")},
		"through a file":            {file("bin/x", "x"), file("bin/x/y", "x")},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := tree.Build(packages(entries))
			if !errors.Is(err, tree.ErrPath) {
				t.Fatalf("got %v, want it refused", err)
			}
			if !strings.Contains(err.Error(), "package-a") {
				t.Errorf("error %.80q does not name the package", err)
			}
		})
	}
}

func TestSymlinkOfAnotherPackageIsNoWayThrough(t *testing.T) {
	_, err := tree.Build(packages([]tree.Entry{link("share/doc", "/etc")}, []tree.Entry{file("share/doc/x/passwd", "x")}))
	var refused *tree.PathError
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), "package-a") || !strings.Contains(err.Error(), "package-b") {
		t.Errorf("got %v, want a refusal that names both packages", err)
	}
}

func Test255ByteAndNonUTF8NamesAreFine(t *testing.T) {
	if _, err := tree.Build(packages([]tree.Entry{file(strings.Repeat("n", 255), "x"), file("bin/\xff\xfe", "y")})); err != nil {
		t.Error(err)
	}
}

func TestCompare(t *testing.T) {
	build := func(entries ...tree.Entry) *tree.Tree {
		tr, err := tree.Build(packages(entries))
		if err != nil {
			t.Fatal(err)
		}
		return tr
	}
	from := build(file("bin/gone", "1"), file("bin/same", "2"), file("bin/text", "3"), link("bin/link", "a"))
	to := build(file("bin/same", "2"), file("bin/text", "4"), link("bin/link", "b"), file("bin/new", "5"))
	want := tree.Diff{Added: []string{"bin/new"}, Removed: []string{"bin/gone"}, Changed: []string{"bin/link", "bin/text"}}
	if diff := cmp.Diff(want, tree.Compare(from, to)); diff != "" {
		t.Error(diff)
	}
}
