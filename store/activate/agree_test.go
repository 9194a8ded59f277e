package activate

import (
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"moss/internal/testutil"
)

const anyLoader = "ld-linux-x86-64.so.2"

// What the check says of an archived tree is what it says when the tree is live,
// before the links and after them, and it is the truth: after them the kernel
// finds init and its interpreter just then when the check passed. The roots have
// links that are missing, ours, the owner's, and folders.
func TestCheckForetellsTheLinks(t *testing.T) {
	passed, total := 0, 0
	rapid.Check(testutil.Seeded(t), func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "root")
		if err != nil {
			rt.Fatal(err)
		}
		defer os.RemoveAll(dir)
		r := Open(dir)
		drawRoot(rt, dir)
		drawSystem(rt, r.Usr(), 1)
		drawSystem(rt, r.Archive(2), 2)
		want := Checks{Init: rapid.SampledFrom([]string{"/sbin/init", "/bin/init", "/usr/sbin/init"}).Draw(rt, "init")}
		check := func(tree string) string {
			if err := r.Check(tree, want); err != nil {
				return err.Error()
			}
			return ""
		}
		if rapid.Bool().Draw(rt, "links before") {
			ok(rt, r.Links())
		}
		foretold := check(r.Archive(2))
		ok(rt, r.Exchange(2))
		between := check(r.Usr())
		ok(rt, r.Links())
		if after := check(r.Usr()); foretold != after || between != after {
			rt.Fatalf("archived: %q\nlive:     %q\nlinked:   %q", foretold, between, after)
		}
		truth := starts(rt, dir, want.Init)
		if truth != (foretold == "") {
			rt.Fatalf("foretold %q, but the kernel would start it: %v", foretold, truth)
		}
		if total++; truth {
			passed++
		}
		if wrong := r.WrongLinks(); wrong != nil {
			rt.Fatalf("still wrong: %v", wrong)
		}
	})
	// With -short there are too few to have both for certain.
	if total >= 100 && (passed < total/10 || passed > total*9/10) {
		t.Errorf("%d of %d trees could boot, want both kinds", passed, total)
	}
}

// starts asks the kernel, which knows nothing of root links.
func starts(t *rapid.T, dir, init string) bool {
	for _, name := range []string{init, "/lib64/" + anyLoader} {
		path, err := inRoot(dir, name)
		if err != nil {
			return false
		}
		if info, err := os.Lstat(filepath.Join(dir, path)); err != nil || !info.Mode().IsRegular() {
			return false
		}
	}
	return true
}

func drawRoot(t *rapid.T, dir string) {
	for _, link := range rootLinks() {
		own := []string{"", "a folder", "opt", "/usr/lib64", "/usr/bin", "usr/./sbin"}
		text := rapid.SampledFrom(append(own, append(link.targets, link.targets...)...)).Draw(t, link.name)
		path := filepath.Join(dir, link.name)
		switch text {
		case "":
		case "a folder":
			ok(t, os.Mkdir(path, 0o755))
		default:
			ok(t, os.Symlink(text, path))
		}
	}
}

// drawSystem makes a tree whose init and loader are in this folder or that.
func drawSystem(t *rapid.T, usr string, id ID) {
	init := ElfSpec{Program: true, Interp: "/lib64/" + anyLoader}.Bytes()
	loader := ElfSpec{Soname: anyLoader}.Bytes()
	ok(t, os.MkdirAll(usr, 0o755))
	for _, pair := range [][2]string{{"bin", "sbin"}, {"sbin", "bin"}, {"lib", "lib64"}, {"lib64", "lib"}} {
		name, twin := pair[0], pair[1]
		path := filepath.Join(usr, name)
		kind := rapid.IntRange(0, 6).Draw(t, "kind of "+name)
		if kind == 0 {
			continue
		}
		if kind == 1 {
			ok(t, os.Symlink(rapid.SampledFrom([]string{twin, "../usr/" + twin, "/" + twin, "/usr/" + twin, "../opt"}).Draw(t, "text"), path))
			continue
		}
		ok(t, os.Mkdir(path, 0o755))
		if kind == 2 {
			continue
		}
		file, data := "init", init
		if name == "lib" || name == "lib64" {
			file, data = anyLoader, loader
		}
		ok(t, os.WriteFile(filepath.Join(path, file), data, 0o755))
	}
	ok(t, os.WriteFile(filepath.Join(usr, sealName), []byte(id.String()), 0o644))
}

func ok(t *rapid.T, err error) {
	if err != nil {
		t.Fatal(err)
	}
}
