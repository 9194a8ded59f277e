package usrmerge_test

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"moss/usrmerge"
)

const orphans = usrmerge.DefaultOrphans

// picture is every path of a root that a program may have used, through each name
// that it has, and what it gives.
type picture map[string]sight

// take looks at everything. Paths below the top folders are taken as they are
// named, whatever the folders are.
func take(t failer, dir string) picture {
	t.Helper()
	v := openView(t, dir)
	defer v.close()
	names, err := os.ReadDir(dir)
	if err != nil {
		t.Fatalf("%v", err)
	}
	pic := picture{}
	for _, name := range names {
		if temporary(name.Name()) {
			continue
		}
		for _, path := range v.below(t, name.Name()) {
			if !temporary(path) {
				pic[path] = mustLook(t, v, path)
			}
		}
	}
	return pic
}

func mustLook(t failer, v *view, path string) sight {
	t.Helper()
	s, err := v.look(path)
	if err != nil {
		t.Fatalf("look at %q: %v", path, err)
	}
	return s
}

func temporary(path string) bool {
	return strings.HasPrefix(path, ".moss-usr-merge") || strings.Contains(path, "/.moss-usr-merge")
}

// top is the top folder that a path lies in, "" for none of those that are merged.
func top(path string) string {
	first, _, _ := strings.Cut(path, "/")
	if slices.Contains(usrmerge.DefaultDirs(), first) {
		return first
	}
	return ""
}

// newName is where a path is reached after the merge: below usr.
func newName(path string) string {
	if top(path) != "" {
		return "usr/" + path
	}
	return path
}

// gaveWay are the paths that made room for another: what is there afterwards is
// the other one's.
type gaveWay map[string]bool

// below tells whether a folder that a path lies in gave way.
func (g gaveWay) below(path string) bool {
	for path = filepath.Dir(path); path != "."; path = filepath.Dir(path) {
		if g[path] {
			return true
		}
	}
	return false
}

// wantWorking compares every path of before with what it gives now. It holds at
// every moment of a merge. twins had a name on both sides: of them, content and
// not place is compared.
func (before picture) wantWorking(t failer, dir string, gave gaveWay) {
	t.Helper()
	v := openView(t, dir)
	defer v.close()
	before.wantWorkingIn(t, v, gave)
}

func (before picture) wantWorkingIn(t failer, v *view, gave gaveWay) {
	t.Helper()
	for path, b := range before {
		if temporary(path) {
			continue
		}
		if why := before.differs(v, path, b, gave); why != "" {
			t.Errorf("%q: %s", path, why)
		}
	}
}

// differs tells in what a path is not what it was, "" if in nothing. A path that
// gives way may be its twin instead.
func (before picture) differs(v *view, path string, b sight, gave gaveWay) string {
	a, err := v.look(path)
	if err != nil {
		return "is gone: " + err.Error()
	}
	if before.through(path, gave) || b.place != path && gave[b.place] || gave.below(path) {
		return "" // what it led to is another one now, rightly
	}
	if gave[path] && slices.ContainsFunc(before.twins(path), func(twin sight) bool { return twin.own.same(a.own) || twin.err == nil && twin.end.same(a.end) }) {
		return ""
	}
	if b.err != nil {
		if slices.ContainsFunc(before.twins(path), func(twin sight) bool { return twin.own.same(a.own) }) {
			return "" // folded into the other place's
		}
		return danglesAlike(path, b, a)
	}
	either, both := before[newName(b.real)]
	switch {
	case a.err != nil:
		return fmt.Sprintf("led to %q, now to nothing: %v (%v)", b.real, a.err, a.own)
	case b.end.kind == 'd' && (both && a.end.same(either.end) || before[newName(path)].end.same(a.end)):
		return ""
	case !a.end.same(b.end):
		return fmt.Sprintf("got %v, want %v", a.end, b.end)
	case before.twin(b.real) || before.twin(path) || before.aliased():
		return ""
	case newName(a.real) != newName(b.real):
		return fmt.Sprintf("got to %q, want %q", a.real, newName(b.real))
	}
	return ""
}

// through tells whether a symlink leads to or through a path that gave way.
func (before picture) through(path string, gave gaveWay) bool {
	for range 40 {
		s, ok := before[path]
		if !ok || s.own.kind != 'l' {
			return false
		}
		text := s.own.body
		if !strings.HasPrefix(text, "/") {
			text = "/" + filepath.Dir(s.place) + "/" + text
		}
		if path = filepath.Clean(text)[1:]; gave[path] || gave[s.real] {
			return true
		}
	}
	return false
}

// aliased tells whether a top folder leads to another one, so that what lies there
// has names in two places, and more twins than its own.
func (before picture) aliased() bool {
	return slices.ContainsFunc(usrmerge.DefaultDirs(), func(name string) bool {
		link := before[name].own
		return link.kind == 'l' && top(filepath.Clean("/" + link.body)[1:]) != ""
	})
}

// twin tells whether something had this path in both places, so that which one it
// is afterwards is for the rules of conflicts.
func (before picture) twin(path string) bool { return len(before.twins(path)) > 0 }

// twins are what the other place had, of a path in one of the two.
func (before picture) twins(path string) (found []sight) {
	other := newName(path)
	if rest, below := strings.CutPrefix(path, "usr/"); below && top(rest) != "" {
		other = rest
	}
	if s, ok := before[other]; ok && other != path {
		found = append(found, s)
	}
	return found
}

// danglesAlike compares links that led nowhere: by the path that they mean. That
// path may be there when both places are one.
func danglesAlike(path string, b, a sight) string {
	if b.place != path || path == top(path) || path == newName(top(strings.TrimPrefix(path, "usr/"))) {
		return "" // seen by its own name as well; where the top folders lead is the merge's business
	}
	if a.own.kind != 'l' {
		return fmt.Sprintf("was a link to nothing (%v), is %v", b.own, a.own)
	}
	if got, want := meant(a), meant(b); got != want {
		return fmt.Sprintf("meant %q, now %q (text %q)", want, got, a.own.body)
	}
	return ""
}

// meant is the path that a link's text means, after the merge.
func meant(s sight) string {
	text := s.own.body
	if !strings.HasPrefix(text, "/") {
		text = "/" + filepath.Dir(s.place) + "/" + text
	}
	return newName(filepath.Clean(text)[1:])
}

// wantMerged is what must be true of a root when all of it is merged: everything
// works through the old and the new name, is the same file, and nothing is left.
func (before picture) wantMerged(t failer, dir string, gave gaveWay) {
	t.Helper()
	v := openView(t, dir)
	defer v.close()
	before.wantWorkingIn(t, v, gave)
	pairs, linked := map[where]where{}, mountOf(t, dir) == mountOf(t, filepath.Join(dir, "usr"))
	for path := range before {
		if name := top(path); name != "" && name != path && !before[name].isMerged() {
			wantTwoNames(t, v, path)
		}
		before.wantOneInode(t, v, path, gave, pairs, linked)
	}
	wantTop(t, v, before)
	wantTidy(t, dir)
}

// mountOf tells one mount from all others: nothing can be linked from one to another.
func mountOf(t failer, path string) uint64 {
	t.Helper()
	var st unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, path, 0, unix.STATX_MNT_ID, &st); err != nil {
		t.Fatalf("statx %s: %v", path, err)
	}
	return st.Mnt_id
}

// isMerged tells whether a top folder was a symlink into usr already.
func (s sight) isMerged() bool {
	return s.own.kind == 'l' && s.err == nil && strings.HasPrefix(s.real, "usr/")
}

// wantTwoNames: the old and the new name give one file.
func wantTwoNames(t failer, v *view, path string) {
	t.Helper()
	old, err := v.look(path)
	if err != nil {
		return // said already
	}
	now, err := v.look(newName(path))
	if err != nil || now.endAt != old.endAt || old.err != nil && now.at != old.at {
		t.Errorf("%q: got %v, %v through the new name, want %v", path, now.own, err, old.own)
	}
}

// wantOneInode: what was in /usr is the same inode, what came is linked if the
// device allows it, else a copy with its time; hard links are still links.
func (before picture) wantOneInode(t failer, v *view, path string, gave gaveWay, pairs map[where]where, linked bool) {
	t.Helper()
	b := before[path]
	a, err := v.look(path)
	if err == nil && path != top(path) && !gave[path] && !before.twin(path) && b.place == path && b.own.kind != 'l' && a.own.kind != b.own.kind {
		t.Errorf("%q: got %v, want %v", path, a.own, b.own)
	}
	if err != nil || gave[path] || b.place != path || b.own.kind == 'l' || b.own.kind == 'd' || top(path) != "" && before.twin(path) {
		return
	}
	if first, ok := pairs[b.at]; ok && first != a.at {
		t.Errorf("%q: got inode %v, want %v: it was a hard link", path, a.at, first)
	}
	pairs[b.at] = a.at
	if (top(path) == "" || linked && a.at.dev == b.at.dev) && a.at != b.at {
		t.Errorf("%q: got inode %v, want %v", path, a.at, b.at)
	}
	if a.own.mtime != b.own.mtime {
		t.Errorf("%q: got time %d, want %d", path, a.own.mtime, b.own.mtime)
	}
}

// wantTop: each top folder is a symlink into usr, or absent as before.
func wantTop(t failer, v *view, before picture) {
	t.Helper()
	for _, name := range usrmerge.DefaultDirs() {
		s, err := v.look(name)
		if _, was := before[name]; !was {
			if err == nil {
				t.Errorf("/%s: got %v, want it absent as before", name, s.own)
			}
			continue
		}
		if err != nil || s.own.kind != 'l' || s.own.body != "usr/"+name && before[name].own.kind != 'l' {
			t.Errorf("/%s: got %v, %v, want a symlink to usr/%s", name, s.own, err, name)
		}
	}
}

// wantTidy: nothing temporary is left anywhere.
func wantTidy(t failer, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasPrefix(d.Name(), ".moss-usr-merge") {
			t.Errorf("%s is left over", path)
		}
		return err
	})
	if err != nil {
		t.Fatalf("%v", err)
	}
}

// wantOrphans: exactly these old paths lie in the folder of orphans, each what it was.
func (before picture) wantOrphans(t failer, dir string, paths []string) {
	t.Helper()
	v := openView(t, dir)
	defer v.close()
	var got []string
	for _, path := range v.below(t, orphans) {
		s := mustLook(t, v, path)
		rel := strings.TrimPrefix(strings.TrimPrefix(path, orphans), "/")
		if s.own.kind == 'd' {
			continue
		}
		got = append(got, rel)
		if was, ok := before[rel]; ok && !was.own.same(s.own) {
			t.Errorf("orphan %q: got %v, want %v", rel, s.own, was.own)
		}
	}
	slices.Sort(got)
	if want := slices.Sorted(slices.Values(paths)); !slices.Equal(got, want) {
		t.Errorf("got orphans %q, want %q", got, want)
	}
}

// footprint is every inode's place, number and change time: two that are equal
// mean that nothing was written between them.
func footprint(t failer, dir string) map[string]string {
	t.Helper()
	prints := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		err = unix.Lstat(path, &st)
		prints[path] = fmt.Sprintf("inode %d:%d changed %d.%09d links %d", st.Dev, st.Ino, st.Ctim.Sec, st.Ctim.Nsec, st.Nlink)
		return err
	})
	if err != nil {
		t.Fatalf("%v", err)
	}
	return prints
}

// wantUntouched compares two footprints.
func wantUntouched(t failer, what string, before, after map[string]string) {
	t.Helper()
	for path := range maps.Keys(before) {
		if after[path] != before[path] {
			t.Errorf("%s: %s: got %q, want %q", what, path, after[path], before[path])
		}
	}
	for path := range after {
		if _, was := before[path]; !was {
			t.Errorf("%s: %s is new", what, path)
		}
	}
}
