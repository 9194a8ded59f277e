package pack

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"moss/internal/testutil"
	"moss/store/stone"
)

func sampleDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	testutil.Tree{
		"usr/bin/app":         "4755:program",
		"usr/bin/link":        "-> ../../etc/x",
		"usr/lib/copy":        "0755:program",
		"usr/share/empty/":    "",
		"usr/share/closed/":   "0700:",
		"usr/share/closed/in": "",
	}.Create(t, dir)
	if err := os.Lchown(filepath.Join(dir, "usr/lib/copy"), 1000, 100); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestDir(t *testing.T) {
	dir, out := sampleDir(t), t.TempDir()
	if err := unix.Setxattr(filepath.Join(dir, "usr/bin/app"), "user.note", []byte("hi"), 0); err != nil {
		t.Fatal(err)
	}
	meta := stone.Meta{Name: "sample", Version: "1.0", Summary: "a sample"}
	r, err := Dir(t.Context(), dir, out, meta, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := `104755 0:0 bin/app "program" user.note=6869
120777 0:0 bin/link -> ../../etc/x
100755 1000:100 lib/copy "program"
040700 0:0 share/closed
100644 0:0 share/closed/in ""
040755 0:0 share/empty
`
	if diff := cmp.Diff(want, list(t, r.Stone)); diff != "" {
		t.Error(diff)
	}
	if filepath.Base(r.Stone) != "sample-1.0-1-1-x86_64.stone" || r.ContentBytes != 7 || r.InputBytes != 14 {
		t.Errorf("got %+v, want 7 bytes of content from 14 in sample-1.0-1-1-x86_64.stone", r)
	}
	first, err := os.ReadFile(r.Stone)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Dir(t.Context(), dir, t.TempDir(), meta, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if second, err := os.ReadFile(again.Stone); err != nil || string(first) != string(second) {
		t.Errorf("the same folder gave other bytes (%v)", err)
	}
}

func TestDirOwnerRoot(t *testing.T) {
	r, err := Dir(t.Context(), sampleDir(t), t.TempDir(), stone.Meta{Name: "a", Version: "1"}, Options{OwnerRoot: true, Licenses: []string{"MIT"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := list(t, r.Stone); strings.Contains(got, "1000") || !strings.Contains(got, "100755 0:0 lib/copy") {
		t.Errorf("got other owners than 0:0 in\n%s", got)
	}
	if got := open(t, r.Stone).Package().Meta().Licenses; len(got) != 1 || got[0] != "MIT" {
		t.Errorf("got licences %q, want MIT", got)
	}
}

func TestDirRefuses(t *testing.T) {
	good := stone.Meta{Name: "a", Version: "1"}
	for name, test := range map[string]struct {
		change func(dir string) error
		meta   stone.Meta
		want   string
	}{
		"something beside usr": {func(d string) error { return os.Mkdir(filepath.Join(d, "etc"), 0o755) }, good, `"etc" of a 1 refused: only a folder usr`},
		"usr is a symlink": {func(d string) error {
			return firstError(os.RemoveAll(filepath.Join(d, "usr")), os.Symlink("/usr", filepath.Join(d, "usr")))
		}, good, `"usr" of a 1 refused`},
		"no usr":                  {func(d string) error { return os.RemoveAll(filepath.Join(d, "usr")) }, good, "no folder usr"},
		"fifo":                    {func(d string) error { return unix.Mkfifo(filepath.Join(d, "usr/pipe"), 0o600) }, good, `"pipe" of a 1 refused: not a file`},
		"device":                  {func(d string) error { return unix.Mknod(filepath.Join(d, "usr/null"), unix.S_IFCHR|0o600, 259) }, good, `"null" of a 1 refused`},
		"newline":                 {func(d string) error { return os.WriteFile(filepath.Join(d, "usr/a\nb"), nil, 0o600) }, good, `"a\nb" of a 1 refused`},
		"state's mark":            {func(d string) error { return os.WriteFile(filepath.Join(d, "usr/.stateID"), nil, 0o600) }, good, ".stateID"},
		"no name":                 {nil, stone.Meta{Version: "1"}, `name ""`},
		"name is a path":          {nil, stone.Meta{Name: "../a", Version: "1"}, `name "../a"`},
		"version is a path":       {nil, stone.Meta{Name: "a", Version: "1/2"}, `version "1/2"`},
		"name is an option":       {nil, stone.Meta{Name: "-a", Version: "1"}, `name "-a"`},
		"architecture with a NUL": {nil, stone.Meta{Name: "a", Version: "1", Arch: "x\x00"}, "architecture"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, out := sampleDir(t), t.TempDir()
			if test.change != nil {
				if err := test.change(dir); err != nil {
					t.Fatal(err)
				}
			}
			_, err := Dir(t.Context(), dir, out, test.meta, Options{})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error about %s", err, test.want)
			}
			if left, _ := os.ReadDir(out); len(left) != 0 {
				t.Errorf("a refused folder left %v", left)
			}
		})
	}
}

func firstError(all ...error) error {
	for _, err := range all {
		if err != nil {
			return err
		}
	}
	return nil
}
