package pack_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"moss/store/pack"
	"moss/store/stone"
	"moss/store/tree"
)

func whole() *sample {
	s := &sample{}
	s.file("bin/su", "program", 0o4755).file("lib/empty", "", 0o644)
	owned, body := file("lib/same", "program", 0o2750)
	owned.UID, owned.GID = 1000, 100
	owned.Xattrs = []stone.Xattr{{Name: "user.note", Value: []byte("hi")},
		{Name: "security.capability", Value: []byte("\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")}}
	s.add(owned, body)
	link := symlink("lib/link", "../../../etc/shadow")
	link.UID = 7
	s.layouts = append(s.layouts, link, folder("var/empty", 0o755), folder("var/tmp", 0o1777), folder("locked", 0o500))
	return s.file("locked/in", "x", 0o400)
}

func TestExtract(t *testing.T) {
	unix.Umask(0o077) // modes must not depend on it
	defer unix.Umask(0o022)
	dir := filepath.Join(t.TempDir(), "new", "place")
	results, err := pack.Extract(t.Context(), []string{whole().write(t, "app")}, dir)
	if err != nil {
		t.Fatal(err)
	}
	want := `040755 0:0 usr
040755 0:0 usr/bin
104755 0:0 usr/bin/su "program"
040755 0:0 usr/lib
100644 0:0 usr/lib/empty ""
120777 7:0 usr/lib/link -> ../../../etc/shadow
102750 1000:100 usr/lib/same "program"
040500 0:0 usr/locked
100400 0:0 usr/locked/in "x"
040755 0:0 usr/var
040755 0:0 usr/var/empty
041777 0:0 usr/var/tmp
`
	if diff := cmp.Diff(want, show(t, dir)); diff != "" {
		t.Error(diff)
	}
	for name, size := range map[string]int{"user.note": 2, "security.capability": 20} {
		if n, err := unix.Getxattr(filepath.Join(dir, "usr/lib/same"), name, nil); err != nil || n != size {
			t.Errorf("%s: got %d bytes and %v, want %d", name, n, err, size)
		}
	}
	if r := results[0]; r.Name != "app" || r.Files != 8 || r.Bytes != 8 || len(r.Notes) != 0 {
		t.Errorf("got %+v, want app with 8 files, 8 bytes and no notes", r)
	}
}

func TestSeveralStonesMerge(t *testing.T) {
	dir := t.TempDir()
	a := (&sample{layouts: []stone.Layout{folder("tmp", 0o1777)}}).file("lib/a", "shared", 0o644).write(t, "a")
	b := (&sample{layouts: []stone.Layout{folder("tmp", 0o1777)}}).file("lib/b", "shared", 0o755).write(t, "b")
	if _, err := pack.Extract(t.Context(), []string{a, b}, dir); err != nil {
		t.Fatal(err)
	}
	c := (&sample{}).file("lib/c", "later", 0o644).write(t, "c")
	if _, err := pack.Extract(t.Context(), []string{c}, dir); err != nil {
		t.Fatal(err)
	}
	want := `040755 0:0 usr
040755 0:0 usr/lib
100644 0:0 usr/lib/a "shared"
100755 0:0 usr/lib/b "shared"
100644 0:0 usr/lib/c "later"
041777 0:0 usr/tmp
`
	if diff := cmp.Diff(want, show(t, dir)); diff != "" {
		t.Error(diff)
	}
}

func TestHostileLayouts(t *testing.T) {
	device := stone.Layout{Path: "null", Mode: unix.S_IFCHR | 0o666}
	for name, test := range map[string]struct {
		stone *sample
		want  string
	}{
		"up":              {(&sample{}).file("../etc/passwd", "x", 0o644), `"../etc/passwd" of evil 1 refused`},
		"up inside":       {(&sample{}).file("lib/../../etc/passwd", "x", 0o644), "component .."},
		"absolute":        {(&sample{}).file("/etc/passwd", "x", 0o644), "absolute"},
		"empty part":      {(&sample{}).file("lib//x", "x", 0o644), "empty component"},
		"newline":         {(&sample{}).file("lib/a\nb", "x", 0o644), "newline"},
		"trailing slash":  {&sample{layouts: []stone.Layout{folder("lib/", 0o755)}}, "slash"},
		"device":          {&sample{layouts: []stone.Layout{device}}, `"null" of evil 1 refused: a device node`},
		"fifo":            {&sample{layouts: []stone.Layout{{Path: "p", Mode: unix.S_IFIFO | 0o666}}}, "a fifo"},
		"through symlink": {(&sample{layouts: []stone.Layout{symlink("d", "/etc")}}).file("d/passwd", "x", 0o644), `"d/passwd" of evil 1 refused: goes through symlink`},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			_, err := pack.Extract(t.Context(), []string{test.stone.write(t, "evil")}, dir)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error about %s", err, test.want)
			}
			if got := show(t, dir); got != "" {
				t.Errorf("a refused stone left\n%s", got)
			}
		})
	}
}

func TestNothingIsReplaced(t *testing.T) {
	outside := t.TempDir()
	for name, test := range map[string]struct {
		prepare func(usr string) error
		want    string
	}{
		"file in the way":   {func(usr string) error { return os.WriteFile(usr+"/lib/x", []byte("mine"), 0o600) }, "there already"},
		"link in the way":   {func(usr string) error { return os.Symlink(outside, usr+"/lib/x") }, "there already"},
		"folder in the way": {func(usr string) error { return os.Mkdir(usr+"/lib/x", 0o755) }, "there already"},
		"folder is a link":  {func(usr string) error { return errors.Join(os.Remove(usr+"/lib"), os.Symlink(outside, usr+"/lib")) }, "there already"},
		"link inside usr": {func(usr string) error {
			return errors.Join(os.Remove(usr+"/lib"), os.Mkdir(usr+"/l", 0o755), os.Symlink("l", usr+"/lib"))
		}, "there already"},
		"usr is a link": {func(usr string) error { return errors.Join(os.RemoveAll(usr), os.Symlink(outside, usr)) }, "symlink"},
		"usr is a file": {func(usr string) error { return errors.Join(os.RemoveAll(usr), os.WriteFile(usr, nil, 0o600)) }, "symlink or a file"},
		"folder is a file": {func(usr string) error {
			return errors.Join(os.Remove(usr+"/lib"), os.WriteFile(usr+"/lib", nil, 0o600))
		}, "there already"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := errors.Join(os.MkdirAll(dir+"/usr/lib", 0o755), test.prepare(dir+"/usr")); err != nil {
				t.Fatal(err)
			}
			before := show(t, dir)
			_, err := pack.Extract(t.Context(), []string{(&sample{}).file("a", "a", 0o644).file("lib/x", "x", 0o644).write(t, "app")}, dir)
			if !errors.Is(err, tree.ErrPath) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want a refused path because of %q", err, test.want)
			}
			if diff := cmp.Diff(before, show(t, dir)); diff != "" {
				t.Error(diff)
			}
		})
	}
	if got := show(t, outside); got != "" {
		t.Errorf("something was written through a link:\n%s", got)
	}
}

func TestConflictNamesBoth(t *testing.T) {
	dir := t.TempDir()
	a, b := (&sample{}).file("lib/x", "1", 0o644).write(t, "one"), (&sample{}).file("lib/x", "1", 0o644).write(t, "two")
	_, err := pack.Extract(t.Context(), []string{a, b}, dir)
	if conflict, ok := errors.AsType[*tree.ConflictError](err); !ok || conflict.A != "one 1" || conflict.B != "two 1" {
		t.Errorf("got %v, want a conflict of one and two", err)
	}
	if got := show(t, dir); got != "" {
		t.Errorf("a conflict left\n%s", got)
	}
}

// Whichever byte is wrong: it is found and nothing appears, or it had no meaning
// (the number of records of the content) and everything appears.
func TestDamageLeavesNothing(t *testing.T) {
	s := (&sample{}).file("lib/good", "good", 0o644).file("lib/x", strings.Repeat("some content ", 100), 0o644)
	file := s.write(t, "app")
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	kinds := kindBytes(t, file)
	name, dir, intact := filepath.Join(t.TempDir(), "bad.stone"), t.TempDir(), t.TempDir()
	if _, err := pack.Extract(t.Context(), []string{file}, intact); err != nil {
		t.Fatal(err)
	}
	for i := range good {
		if kinds[i] {
			continue
		}
		bad := bytes.Clone(good)
		bad[i] ^= 0x40
		if err := os.WriteFile(name, bad, 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := pack.Extract(t.Context(), []string{name}, dir)
		if err == nil && show(t, dir) == show(t, intact) {
			if err := os.RemoveAll(filepath.Join(dir, "usr")); err != nil {
				t.Fatal(err)
			}
			continue
		}
		damage, ok := errors.AsType[*pack.DamageError](err)
		if !ok || damage.File != name {
			t.Errorf("byte %d: got %v, want a DamageError of %s", i, err, name)
		}
		if got := show(t, dir); got != "" {
			t.Fatalf("byte %d: damage left\n%s", i, got)
		}
	}
}

// kindBytes are the bytes that no checksum covers: the file's type, and the kind
// of each payload, of which the format says that an unknown one is skipped.
func kindBytes(t *testing.T, file string) map[int]bool {
	t.Helper()
	r, err := stone.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	found := map[int]bool{27: true}
	for _, p := range r.Package().Payloads {
		found[int(p.Offset)+30] = true
	}
	return found
}

func TestOtherFiles(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "gone.stone")
	if _, err := pack.Extract(t.Context(), []string{missing}, t.TempDir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want %v", err, os.ErrNotExist)
	}
	var index bytes.Buffer
	if err := stone.Encode(&index, stone.Repository, []stone.Meta{{Name: "a"}}); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "stone.index")
	if err := os.WriteFile(name, index.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := pack.Extract(t.Context(), []string{name}, t.TempDir()); err == nil || !strings.Contains(err.Error(), "it is a repository") {
		t.Errorf("got %v, want to hear that it is no package", err)
	}
}
