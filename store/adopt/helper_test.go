package adopt_test

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"moss/internal/testutil"
	"moss/store"
	"moss/store/adopt"
	"moss/store/adopt/adopttest"
	"moss/store/state"
	"moss/store/stone"
	"moss/store/tree"
)

// then is when the first state of the tests was made.
func then() time.Time { return time.Date(2025, 12, 24, 18, 0, 0, 0, time.UTC) }

func base() testutil.Stone {
	return testutil.Stone{Name: "base", Provides: []string{"soname(libbase.so.1(x86_64))"}, Files: testutil.Tree{
		"bin/base": "0755:a program", "share/base/text": "a text", "share/base/empty": "", "share/base/private/": "0700:",
		"lib/libbase.so.1": "0755:a library", "lib/libbase.so": "-> libbase.so.1", "bin/su": "4755:a program that is root",
	}}
}

func tool() testutil.Stone {
	return testutil.Stone{Name: "tool", Depends: []string{"base", "soname(libbase.so.1(x86_64))"}, Files: testutil.Tree{
		"bin/tool": "0755:a tool", "share/tool/copy-of-text": "a text", "share/tool/deep/er/file": "deep",
	}}
}

// system is an installation of three states: 1 and 2 archived, 5 live.
func system(t testing.TB) *adopttest.Installation {
	t.Helper()
	i := adopttest.New(t, t.TempDir())
	stones := t.TempDir()
	first, second := base().Write(t, stones), tool().Write(t, stones)
	triggered := testutil.Tree{"share/mime.cache": "made by a trigger", "share/cache/deep/index": "also"}
	i.Make(adopttest.State{ID: 1, Created: then(), Stones: []string{first}, Explicit: []string{"base"}, Place: adopttest.Archived})
	i.Make(adopttest.State{ID: 2, Created: then().Add(time.Hour), Stones: []string{first, second}, Explicit: []string{"tool"},
		Description: "with the tool", Generated: triggered, Place: adopttest.Archived})
	i.Make(adopttest.State{ID: 5, Created: then().Add(2 * time.Hour), Summary: "Sync", Stones: []string{first, second}, Explicit: []string{"base", "tool"},
		Generated: triggered, Place: adopttest.Live})
	return i
}

func planOf(t testing.TB, root string, write bool) (*adopt.Plan, error) {
	t.Helper()
	source, err := adopt.Open(root)
	if err != nil {
		return nil, err
	}
	plan, err := source.Plan(t.Context(), adopt.Options{Write: write, Bootable: func(string) string { return "" }, Log: func(string) {}})
	if err == nil {
		t.Cleanup(func() { plan.Close() })
	}
	return plan, errors.Join(err, source.Close())
}

// take adopts root and leaves its store open.
func take(t testing.TB, root string) (*adopt.Plan, *store.Store) {
	t.Helper()
	s := open(t, root)
	plan, err := planOf(t, root, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := plan.Apply(t.Context(), then()); err != nil {
		t.Fatal(err)
	}
	if err := plan.Close(); err != nil {
		t.Fatal(err)
	}
	return plan, s
}

func open(t testing.TB, root string) *store.Store {
	t.Helper()
	s, _, err := store.Open(t.Context(), root, store.Access{Command: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// complaints are a plan's problems, a line each.
func complaints(p *adopt.Plan) (lines []string) {
	for _, one := range p.Problems {
		lines = append(lines, fmt.Sprintf("%d %s %s", one.State, one.Path, one.What))
	}
	return lines
}

func wantComplaint(t testing.TB, p *adopt.Plan, prefix, part string) {
	t.Helper()
	for _, line := range complaints(p) {
		if strings.HasPrefix(line, prefix) && strings.Contains(line, part) {
			return
		}
	}
	t.Errorf("no problem begins with %q and says %q:\n%s", prefix, part, strings.Join(complaints(p), "\n"))
}

func wantNoProblems(t testing.TB, p *adopt.Plan) {
	t.Helper()
	if len(p.Problems) != 0 {
		t.Errorf("got problems, want none:\n%s", strings.Join(complaints(p), "\n"))
	}
}

func ids(p *adopt.Plan) (all []state.ID) {
	for _, one := range p.States {
		all = append(all, one.ID)
	}
	return all
}

// sameAsDisk compares a manifest with its tree, read by other means.
func sameAsDisk(t testing.TB, s *store.Store, id state.ID) *tree.Tree {
	t.Helper()
	m, err := s.Manifest(id)
	if err != nil {
		t.Fatal(err)
	}
	var recorded []string
	for _, e := range m.Entries {
		line := fmt.Sprintf("%s %o %d:%d", e.Path, e.Mode, e.UID, e.GID)
		switch {
		case e.IsRegular():
			line += fmt.Sprintf(" %s %d", e.Hash, e.Size)
		case e.IsSymlink():
			line += " -> " + e.Target
		}
		recorded = append(recorded, line)
	}
	slices.Sort(recorded)
	if onDisk := listing(t, s.Usr(id)); !slices.Equal(recorded, onDisk) {
		t.Errorf("state %d: the manifest is\n%s\nthe tree is\n%s", id, strings.Join(recorded, "\n"), strings.Join(onDisk, "\n"))
	}
	return m
}

func listing(t testing.TB, usr string) (lines []string) {
	t.Helper()
	err := filepath.WalkDir(usr, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(usr, path)
		if err != nil || rel == "." || rel == ".stateID" {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		line := fmt.Sprintf("%s %o %d:%d", rel, st.Mode, st.Uid, st.Gid)
		switch d.Type() {
		case 0:
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			line += fmt.Sprintf(" %s %d", stone.HashOf(data), len(data))
		case fs.ModeSymlink:
			text, _ := os.Readlink(path)
			line += " -> " + text
		}
		lines = append(lines, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(lines)
	return lines
}

// snapshot describes every file of a root closely enough to see any change:
// inode, mode, owner, size, modification time, content.
func snapshot(t testing.TB, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		line := fmt.Sprintf("%d %o %d:%d", st.Ino, st.Mode, st.Uid, st.Gid)
		if !d.IsDir() {
			line += fmt.Sprintf(" %d %v", st.Size, st.Mtim)
		}
		if d.Type().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			line += " " + stone.HashOf(data).String()
		}
		rel, _ := filepath.Rel(root, path)
		all[rel] = line
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// untouched checks that everything of before is still there as it was.
func untouched(t testing.TB, before, after map[string]string) {
	t.Helper()
	for _, path := range slices.Sorted(maps.Keys(before)) {
		if after[path] != before[path] {
			t.Errorf("%s was %q, is %q", path, before[path], after[path])
		}
	}
}
