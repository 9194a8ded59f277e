package pack

import (
	"archive/tar"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moss/store/deb/debtest"
	"moss/store/stone"
)

func TestDebMovesEverythingBelowUsr(t *testing.T) {
	r, err := packOne(t, debtest.Package{Compression: "xz", Files: []debtest.File{
		{Name: "./"},
		{Name: "./bin/"},
		{Name: "./bin/ping", Body: "ping", Mode: 0o4755},
		{Name: "./bin/ping4", Type: tar.TypeSymlink, Link: "ping", Mode: 0o777},
		{Name: "./boot/"},
		{Name: "./boot/vmlinuz-6.1", Body: "kernel"},
		{Name: "./etc/", UID: 3},
		{Name: "./etc/conf", Body: "text", Mode: 0o600, UID: 1000, GID: 42},
		{Name: "./lib/"},
		{Name: "./lib/x/"},
		{Name: "./lib/x/up", Type: tar.TypeSymlink, Link: "../../etc/conf"},
		{Name: "./usr/"},
		{Name: "./usr/lib/"},
		{Name: "./usr/lib/empty/"},
		{Name: "./usr/lib/hidden/", Mode: 0o700},
		{Name: "./usr/lib/hidden/copy", Body: "text"},
		{Name: "./usr/lib/hard", Type: tar.TypeLink, Link: "./bin/ping"},
		{Name: "./usr/lib/nothing"},
		{Name: "./usr/share/attr", Body: "a", PAX: map[string]string{
			"SCHILY.xattr.user.note": "hello", "SCHILY.xattr.trusted.x": "no", "SCHILY.xattr.security.capability": "\x01"}},
		{Name: "./var/tmp/", Mode: 0o1777},
		{Name: "usr/no-dot", Body: "x"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := `104755 0:0 bin/ping "ping"
120777 0:0 bin/ping4 -> ping
104755 0:0 lib/hard "ping"
040700 0:0 lib/hidden
100644 0:0 lib/hidden/copy "text"
040755 0:0 lib/empty
100644 0:0 lib/kernel/6.1/vmlinuz "kernel"
100644 0:0 lib/nothing ""
120777 0:0 lib/x/up -> ../../../etc/conf
100644 0:0 no-dot "x"
100644 0:0 share/attr "a" security.capability=01 user.note=68656c6c6f
040755 3:0 share/factory/etc
100600 1000:42 share/factory/etc/conf "text"
041777 0:0 share/factory/var/tmp
`
	lines := strings.SplitAfter(want, "\n")
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(pathOf(a), pathOf(b)) })
	if diff := cmp.Diff(strings.Join(lines, ""), list(t, r.Stone)); diff != "" {
		t.Error(diff)
	}
	if r.Files != 14 || r.ContentBytes != 4+6+4+1+1 {
		t.Errorf("got %d files and %d bytes, want 14 and 16", r.Files, r.ContentBytes)
	}
}

func pathOf(line string) string {
	fields := strings.Fields(line)
	if len(fields) < 3 {
		return ""
	}
	return fields[2]
}

func TestDebRefusesByName(t *testing.T) {
	file := func(name string) []debtest.File { return []debtest.File{{Name: name, Body: "x"}} }
	for name, test := range map[string]struct {
		files []debtest.File
		want  string // the path or both paths, and why
	}{
		"up":                     {file("./usr/../../etc/passwd"), `"./usr/../../etc/passwd" of sample 1.0 refused: has a component ..`},
		"up at the start":        {file("../x"), `"../x" of sample`},
		"absolute":               {file("/usr/x"), `"/usr/x" of sample 1.0 refused: absolute`},
		"absolute after the dot": {file(".//usr/x"), `".//usr/x" of sample 1.0 refused: absolute`},
		"empty component":        {file("./usr//x"), "empty component"},
		"dot component":          {file("./usr/./x"), "component ."},
		"newline":                {file("./usr/a\nb"), `"./usr/a\nb" of sample 1.0 refused: holds a NUL or a newline`},
		"component of 256 bytes": {file("./usr/" + strings.Repeat("a", 256)), "longer than 255"},
		"state's own mark":       {file("./usr/.stateID"), ".stateID"},
		"device":                 {[]debtest.File{{Name: "./usr/null", Type: tar.TypeChar}}, `"usr/null" of sample 1.0 refused: a device node`},
		"block device":           {[]debtest.File{{Name: "./usr/sda", Type: tar.TypeBlock}}, "a device node"},
		"fifo":                   {[]debtest.File{{Name: "./usr/pipe", Type: tar.TypeFifo}}, `"usr/pipe" of sample 1.0 refused: a fifo`},
		"usr is a symlink":       {[]debtest.File{{Name: "./usr", Type: tar.TypeSymlink, Link: "/etc"}}, `"usr" of sample 1.0 refused: not a folder`},
		"bin leads elsewhere":    {[]debtest.File{{Name: "./bin", Type: tar.TypeSymlink, Link: "/etc"}}, `"bin" of sample 1.0 refused: not a folder`},
		"lib is a file":          {file("./lib"), `"lib" of sample 1.0 refused: not a folder`},
		"root is a symlink":      {[]debtest.File{{Name: "./", Type: tar.TypeSymlink, Link: "/etc"}}, "root is not a folder"},
		"through a symlink": {[]debtest.File{
			{Name: "./usr/d", Type: tar.TypeSymlink, Link: "/etc"}, {Name: "./usr/d/shadow", Body: "x"}}, `"d/shadow" of sample 1.0 refused: goes through symlink /usr/d`},
		"below a file":           {[]debtest.File{{Name: "./usr/f", Body: "x"}, {Name: "./usr/f/g", Body: "x"}}, `"f/g" of sample 1.0 refused`},
		"hard link to nothing":   {[]debtest.File{{Name: "./usr/l", Type: tar.TypeLink, Link: "./usr/later"}, {Name: "./usr/later"}}, `"usr/l" of sample 1.0 refused: a hard link to "./usr/later"`},
		"hard link to the host":  {[]debtest.File{{Name: "./usr/l", Type: tar.TypeLink, Link: "/etc/shadow"}}, "absolute"},
		"hard link up":           {[]debtest.File{{Name: "./usr/l", Type: tar.TypeLink, Link: "../../etc/shadow"}}, "component .."},
		"symlink without a text": {[]debtest.File{{Name: "./usr/l", Type: tar.TypeSymlink}}, `"usr/l" of sample 1.0 refused: symlink text ""`},
		"symlink with a newline": {[]debtest.File{{Name: "./usr/l", Type: tar.TypeSymlink, Link: "a\nb"}}, "newline"},
		"owner -1":               {[]debtest.File{{Name: "./usr/x", UID: 1<<32 - 1}}, "out of range"},
		"two kinds at one place": {[]debtest.File{{Name: "./lib/x", Body: "a"}, {Name: "./usr/lib/x/"}}, `"usr/lib/x" of sample 1.0 refused: it goes to /usr/lib/x, where "lib/x" goes too`},
		"two contents":           {[]debtest.File{{Name: "./lib/x", Body: "a"}, {Name: "./usr/lib/x", Body: "b"}}, `where "lib/x" goes too`},
		"two modes":              {[]debtest.File{{Name: "./lib/x", Body: "a"}, {Name: "./usr/lib/x", Body: "a", Mode: 0o755}}, `where "lib/x" goes too`},
		"two folder modes":       {[]debtest.File{{Name: "./lib/x/"}, {Name: "./usr/lib/x/", Mode: 0o700}}, `where "lib/x" goes too`},
		"factory is taken":       {[]debtest.File{{Name: "./etc/x", Body: "a"}, {Name: "./usr/share/factory/etc/x", Body: "b"}}, `where "etc/x" goes too`},
		"kernel in both places":  {[]debtest.File{{Name: "./boot/vmlinuz-6", Body: "a"}, {Name: "./usr/lib/kernel/6/vmlinuz", Body: "b"}}, `where "boot/vmlinuz-6" goes too`},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := packOne(t, debtest.Package{Files: test.files})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %q, %v, want an error about %s", r.Stone, err, test.want)
			}
		})
	}
}

func TestDebFoldsEqualDuplicates(t *testing.T) {
	r, err := packOne(t, debtest.Package{Files: []debtest.File{
		{Name: "./lib/x/"}, {Name: "./usr/lib/x/"},
		{Name: "./lib/x/y", Body: "a"}, {Name: "./usr/lib/x/y", Body: "a"},
		{Name: "./bin/l", Type: tar.TypeSymlink, Link: "../usr/bin/z"}, {Name: "./usr/bin/l", Type: tar.TypeSymlink, Link: "z"},
		{Name: "./lib64", Type: tar.TypeSymlink, Link: "usr/lib64"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := "120777 0:0 bin/l -> z\n100644 0:0 lib/x/y \"a\"\n"
	if diff := cmp.Diff(want, list(t, r.Stone)); diff != "" {
		t.Error(diff)
	}
}

func TestDebAppliesCapabilities(t *testing.T) {
	r, err := packOne(t, debtest.Package{
		Scripts: map[string]string{"postinst": "setcap cap_net_raw+ep /bin/ping\nsetcap cap_net_raw+ep /bin/gone\nsetcap cap_net_raw+ep $X\n"},
		Files: []debtest.File{{Name: "./bin/ping", Body: "ping", Mode: 0o755, PAX: map[string]string{
			"SCHILY.xattr.security.capability": "old", "SCHILY.xattr.security.a": "1", "SCHILY.xattr.user.z": "2"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := "100755 0:0 bin/ping \"ping\" security.a=31 security.capability=0100000200200000000000000000000000000000 user.z=32\n"
	if diff := cmp.Diff(want, list(t, r.Stone)); diff != "" {
		t.Error(diff)
	}
	if len(r.Notes) != 2 {
		t.Errorf("got notes %q, want one for $X and one for /bin/gone", r.Notes)
	}
}

func TestDebsAreOneSet(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	deb := func(name string, more ...string) string {
		return debtest.Package{Name: name, Control: debtest.Stanza(name, "2:1.2-3", more...)}.Write(t, dir)
	}
	files := []string{
		deb("app", "Source: suite (7)", "Pre-Depends: libc", "Depends: exim | mta, first | second, debconf (>= 1) | debconf-2.0, libc",
			"Provides: app, program", "Conflicts: old, older (<< 1)"),
		deb("postfix", "Provides: mta"),
	}
	var heard []string
	results, err := Debs(t.Context(), files, out, Options{WithoutDeps: []string{"debconf"}, Licenses: []string{"MIT"}},
		func(r Result) { heard = append(heard, r.Name) })
	if err != nil {
		t.Fatal(err)
	}
	if slices.Sort(heard); !slices.Equal(heard, []string{"app", "postfix"}) {
		t.Errorf("heard of %v, want both", heard)
	}
	if got, want := results[0].Stone, filepath.Join(out, "app-1.2-3-1-x86_64.stone"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	name := func(names ...string) (all []stone.Provider) {
		for _, n := range names {
			all = append(all, stone.Provider{Kind: stone.KindName, Name: n})
		}
		return all
	}
	want := stone.Meta{
		Name: "app", Version: "1.2", Release: 3, BuildRelease: 1, Arch: "x86_64", SourceID: "suite",
		Summary: "the app package", Description: "the app package", Licenses: []string{"MIT"},
		Depends: name("libc", "mta", "first"), Provides: name("program"), Conflicts: name("old"),
	}
	if diff := cmp.Diff(want, open(t, results[0].Stone).Package().Meta()); diff != "" {
		t.Error(diff)
	}
	if _, err := Debs(t.Context(), []string{files[0], files[0]}, out, Options{}, nil); err == nil || !strings.Contains(err.Error(), "as would") {
		t.Errorf("one package twice: got %v, want a refusal", err)
	}
}

func TestDebIsReproducible(t *testing.T) {
	p := debtest.Package{Name: "a", Control: debtest.Stanza("a", "1"), Files: []debtest.File{
		{Name: "./usr/b", Body: "b"}, {Name: "./usr/a", Body: "a"}, {Name: "./usr/c", Body: "c"}}}
	first, err := Deb(t.Context(), p.Write(t, t.TempDir()), t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(p.Files) // another order in the archive is the same package
	second, err := Deb(t.Context(), p.Write(t, t.TempDir()), t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	a, errA := os.ReadFile(first.Stone)
	b, errB := os.ReadFile(second.Stone)
	if errA != nil || errB != nil || !slices.Equal(a, b) {
		t.Errorf("got %d and %d bytes that differ (%v, %v), want the same bytes", len(a), len(b), errA, errB)
	}
}

// A sparse file is a few bytes that unpack to any number of zeros; dpkg never
// made one. The record's name is patched in: Go's writer refuses to write it.
func TestDebRefusesSparseFiles(t *testing.T) {
	dir := t.TempDir()
	file := debtest.Package{Name: "sparse", Control: debtest.Stanza("sparse", "1"), Files: []debtest.File{
		{Name: "./usr/x", Body: "1\n0\n1\n" + strings.Repeat("\x00", 506) + "x", PAX: map[string]string{
			"GNUxsparsexmajor": "1", "GNUxsparsexminor": "0", "GNUxsparsexrealsize": "1000000000000"}}}}.Write(t, dir)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("GNUxsparsexmajor", "GNU.sparse.major", "GNUxsparsexminor", "GNU.sparse.minor",
		"GNUxsparsexrealsize", "GNU.sparse.realsize").Replace(string(b))
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Deb(t.Context(), file, t.TempDir(), Options{}); err == nil || !strings.Contains(err.Error(), `"usr/x" of sparse 1 refused: a sparse file`) {
		t.Errorf("got %v, want a refusal of usr/x", err)
	}
}

func TestDebsHearTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	out := t.TempDir()
	file := debtest.Package{Name: "a", Control: debtest.Stanza("a", "1"), Files: []debtest.File{{Name: "./usr/x", Body: "x"}}}.Write(t, t.TempDir())
	if _, err := Debs(ctx, []string{file}, out, Options{}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	if left, _ := os.ReadDir(out); len(left) != 0 {
		t.Errorf("left %v", left)
	}
}
