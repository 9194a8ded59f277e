package adopt

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"moss/store/state"
	"moss/store/stone"
)

// pack makes a package of lines: "path", "path/" and "path -> target".
func pack(name string, order int64, lines ...string) *Package {
	p := &Package{Package: state.Package{ID: name, Meta: stone.Meta{Name: name, Version: "1"}}, order: order}
	for _, line := range lines {
		path, target, link := strings.Cut(line, " -> ")
		l := stone.Layout{Path: strings.TrimSuffix(path, "/"), Mode: unix.S_IFREG | 0o644, Hash: stone.HashOf([]byte(name + path))}
		switch {
		case link:
			l = stone.Layout{Path: path, Mode: unix.S_IFLNK | 0o777, Target: target}
		case strings.HasSuffix(path, "/"):
			l = stone.Layout{Path: l.Path, Mode: unix.S_IFDIR | 0o755}
		}
		p.layouts = append(p.layouts, l)
	}
	return p
}

// lines says which package has which path.
func (x *expected) lines() (all []string) {
	for at, c := range x.at {
		all = append(all, x.packages[c.owner].ID+" "+at)
	}
	slices.Sort(all)
	return all
}

func TestExpectedTree(t *testing.T) {
	for name, c := range map[string]struct {
		packages []*Package
		want     []string
	}{
		"the first recorded has the path": {[]*Package{pack("late", 9, "bin/x"), pack("early", 2, "bin/x")}, []string{"early bin/x"}},
		"a folder beats a file":           {[]*Package{pack("a", 1, "share/x"), pack("b", 2, "share/x/")}, []string{"b share/x"}},
		"below a symlink": {[]*Package{pack("links", 1, "lib64 -> lib", "sbin -> bin", "deep/er/way -> ../../lib/way", "abs -> /usr/lib/abs"),
			pack("p", 2, "lib64/a", "sbin/b", "deep/er/way/c", "abs/d", "lib/way/e")},
			[]string{"links abs", "links deep/er/way", "links lib64", "links sbin", "p bin/b", "p lib/a", "p lib/abs/d", "p lib/way/c", "p lib/way/e"}},
		"one symlink after another": {[]*Package{pack("links", 1, "a -> b", "b -> c"), pack("p", 2, "a/x")}, []string{"links a", "links b", "p c/x"}},
		"symlinks that lead nowhere": {[]*Package{pack("links", 1, "round -> round", "out -> ../etc", "away -> /etc"),
			pack("p", 2, "round/x", "out/x", "away/x")}, []string{"links away", "links out", "links round"}},
		"paths that are refused": {[]*Package{pack("p", 1, "../etc/passwd", "/abs", "a/../../b", "ok", ".stateID")}, []string{"p ok"}},
	} {
		x := expect(1, c.packages)
		if got := x.lines(); !slices.Equal(got, c.want) {
			t.Errorf("%s: got\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
}

func TestImpliedFolders(t *testing.T) {
	x := expect(1, []*Package{pack("p", 1, "a/b/c/file", "a/d/")})
	for path, want := range map[string]bool{"a": true, "a/b": true, "a/b/c": true, "a/d": false, "a/b/c/file": false} {
		if x.implied[path] != want {
			t.Errorf("%s: implied is %v, want %v", path, x.implied[path], want)
		}
	}
}

// TestOwnPathsFollowSymlinks: what is recorded of a package is planned again by
// rules that refuse to go through a symlink.
func TestOwnPathsFollowSymlinks(t *testing.T) {
	p := pack("p", 2, "lib64/a", "away/x")
	x := expect(1, []*Package{pack("links", 1, "lib64 -> lib", "away -> /etc"), p})
	var got []string
	for _, l := range x.owned()[p] {
		got = append(got, l.Path)
	}
	if !slices.Equal(got, []string{"lib/a"}) {
		t.Errorf("got %v, want lib/a alone", got)
	}
}
