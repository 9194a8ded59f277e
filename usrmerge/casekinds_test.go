package usrmerge_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// kinds is every kind of entry, in bin. What must hold of each is that it is the
// same file under both names, with all that it has (picture.wantMerged); want says
// it once more in plain words.
func kinds() []example {
	long := strings.Repeat("n", 255)
	return []example{
		{name: "regular file", tree: `bin/a "the content" mode=0751 owner=7:8`, want: `usr/bin/a "the content" mode=0751 owner=7:8`},
		{name: "hard-linked pair inside the old tree", tree: `bin/a A; bin/b = bin/a`, want: `usr/bin/a = usr/bin/b`},
		{name: "hard link between two folders", tree: `bin/a A; bin/sub/b = bin/a`, want: `usr/bin/a = usr/bin/sub/b`},
		{name: "hard link across the old place and usr, one name", oneDevice: true, tree: `bin/a A; usr/bin/a = bin/a`, want: `usr/bin/a A; bin/a = usr/bin/a`},
		{name: "hard link across the old place and usr, two names", oneDevice: true, tree: `bin/a A; usr/share/b = bin/a`, want: `usr/bin/a = usr/share/b`},
		{name: "hard link to what is no part of the merge", oneDevice: true, tree: `bin/a A; etc/b = bin/a`, want: `usr/bin/a = etc/b`},
		{name: "setuid file", tree: `bin/su S mode=4755 owner=0:5`, want: `usr/bin/su S mode=4755 owner=0:5`},
		{name: "setgid file", tree: `bin/wall W mode=2755 owner=0:5`, want: `usr/bin/wall W mode=2755 owner=0:5`},
		{name: "file that nobody may read", tree: `bin/secret S mode=0000`, want: `usr/bin/secret S`},
		{name: "file with capabilities", tree: `bin/ping P mode=0755 cap`, want: `usr/bin/ping P mode=0755 cap`},
		{name: "file with an ACL", tree: `bin/acl A mode=0755 acl`, want: `usr/bin/acl A acl`},
		{name: "file with extended attributes", tree: `bin/x X user.note=one user.other=two`, want: `usr/bin/x X user.note=one user.other=two`},
		{name: "file with an SELinux label", tree: `bin/l L selinux`, want: `usr/bin/l L selinux`},
		{name: "file of no bytes", tree: `bin/empty "" mode=0755`, want: `usr/bin/empty "" mode=0755`},
		{name: "sparse file", tree: `bin/holes sparse 1048576`, check: wantHoles},
		{name: "character device", tree: `bin/null char 1:3 mode=0666`, want: `usr/bin/null char 1:3 mode=0666`},
		{name: "block device", tree: `bin/disk block 7:99 mode=0640 owner=0:6`, want: `usr/bin/disk block 7:99 mode=0640 owner=0:6`},
		{name: "fifo", tree: `bin/pipe fifo mode=0622`, want: `usr/bin/pipe fifo mode=0622`},
		{name: "socket", tree: `bin/sock socket mode=0777`, want: `usr/bin/sock socket mode=0777`},
		{name: "empty folder", tree: `bin/none/ mode=0700 owner=3:4`, want: `usr/bin/none/ mode=0700 owner=3:4`},
		{name: "nested folders", tree: `bin/a/b/c/d/ mode=0711; bin/a/b/c/d/e E`, want: `usr/bin/a/b/c/d/ mode=0711; usr/bin/a/b/c/d/e E`},
		{name: "folder with mode, owner and attributes", tree: `bin/f/ mode=3775 owner=9:9 user.note=n selinux acl default-acl; bin/f/x X`,
			want: `usr/bin/f/ mode=3755 owner=9:9 user.note=n selinux acl default-acl; usr/bin/f/x X`},
		{name: "name with a newline", tree: `"bin/a\nb" A`, want: `"usr/bin/a\nb" A`},
		{name: "name with a space", tree: `"bin/ a b " A; "bin/ c/ d" D`, want: `"usr/bin/ a b " A; "usr/bin/ c/ d" D`},
		{name: "name that is not UTF-8", tree: `"bin/\xff\xfe" A; "bin/\xc3/\x80" B`, want: `"usr/bin/\xff\xfe" A; "usr/bin/\xc3/\x80" B`},
		{name: "name of 255 bytes", tree: `bin/` + long + ` A; bin/d/` + long + `/` + long + ` B`, want: `usr/bin/` + long + ` A; usr/bin/d/` + long + `/` + long + ` B`},
		{name: "names that look like options and hidden ones", tree: `bin/-rf A; bin/.hidden B; bin/... C`, want: `usr/bin/-rf A; usr/bin/.hidden B; usr/bin/... C`},
	}
}

// shapes are the ways in which a kind can come to its new place: entry by entry,
// with the whole top folder, with a folder inside it, into a folder that is there.
func shapes() map[string]func(string) string {
	inside := func(text string) string { return strings.ReplaceAll(text, "bin/", "lib/in/er/") }
	return map[string]func(string) string{
		"usr has the folder":           func(text string) string { return text + "; usr/bin/other o" },
		"usr lacks the top folder":     func(text string) string { return text },
		"usr lacks a folder inside":    func(text string) string { return inside(text) + "; usr/lib/other o" },
		"usr has the folder inside":    func(text string) string { return inside(text) + "; usr/lib/in/er/other o" },
		"a folder beside it only here": func(text string) string { return text + "; bin/zz/z Z; usr/bin/other o" },
	}
}

func TestKinds(t *testing.T) {
	for shape, of := range shapes() {
		if testing.Short() && shape != "usr has the folder" {
			continue
		}
		t.Run(shape, func(t *testing.T) {
			for _, e := range kinds() {
				e.tree, e.want = of(e.tree), of(e.want)
				t.Run(e.name, func(t *testing.T) { e.run(t, inMemory(t)) })
			}
		})
	}
}

// wantHoles: a sparse file is as sparse as it was.
func wantHoles(t *testing.T, r *ran) {
	t.Helper()
	for path, b := range r.before {
		if b.own.kind != 'f' || filepath.Base(path) != "holes" {
			continue
		}
		var st unix.Stat_t
		if err := unix.Stat(filepath.Join(r.dir, newName(path)), &st); err != nil {
			t.Fatal(err)
		}
		if st.Size != 1<<20 || st.Blocks*512 > 1<<18 {
			t.Errorf("%s: got %d bytes in %d blocks, want a file with holes", path, st.Size, st.Blocks)
		}
	}
}

// TestManyNames: no buffer for names is too short, no folder read only in part.
func TestManyNames(t *testing.T) {
	if testing.Short() {
		t.Skip("makes many files")
	}
	var tree strings.Builder
	for n := range 1500 {
		name := strconv.Itoa(n) + strings.Repeat("x", n%240)
		tree.WriteString("bin/" + name + " A" + strconv.Itoa(n%7) + "\n")
		if n%3 == 0 {
			tree.WriteString("usr/bin/" + name + " A" + strconv.Itoa(n%7) + "\n")
		}
	}
	example{tree: tree.String(), want: `usr/bin/1499` + strings.Repeat("x", 1499%240) + ` A1`}.run(t, inMemory(t))
}

// TestDeepFolders: a path may be longer than what one call of the kernel takes.
func TestDeepFolders(t *testing.T) {
	dir := inMemory(t)
	plant(t, dir, `lib/; usr/lib/x X`)
	bottom := descend(t, filepath.Join(dir, "lib"), strings.Repeat("d", 250), 30, true)
	if err := os.WriteFile(bottom+"/f", []byte("deep"), 0o644); err != nil {
		t.Fatal(err)
	}
	if r := merge(t, dir); !r.Merged {
		t.Errorf("got %+v", r.Plan.Refusals)
	}
	bottom = descend(t, filepath.Join(dir, "usr/lib"), strings.Repeat("d", 250), 30, false)
	if got, err := os.ReadFile(bottom + "/f"); string(got) != "deep" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// descend goes down, making the folders if asked, and gives a short path to the bottom.
func descend(t *testing.T, dir, name string, depth int, create bool) string {
	t.Helper()
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY, 0)
	for range depth {
		if create && err == nil {
			err = unix.Mkdirat(fd, name, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
		next, openErr := unix.Openat(fd, name, unix.O_PATH|unix.O_DIRECTORY, 0)
		_ = unix.Close(fd)
		fd, err = next, openErr
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	return "/proc/self/fd/" + strconv.Itoa(fd)
}
