package kmod

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moss/internal/testutil"
)

func TestParseDep(t *testing.T) {
	got, err := parseDep("kernel/a-b_c.ko.xz: kernel/x-y.ko.xz kernel/z.ko.zst\n\n# note\nkernel/x-y.ko.xz:\nupdates/z.ko.gz:")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]file{
		"a_b_c": {"kernel/a-b_c.ko.xz", []string{"x_y", "z"}},
		"x_y":   {"kernel/x-y.ko.xz", nil},
		"z":     {"updates/z.ko.gz", nil},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(file{})); diff != "" {
		t.Error(diff)
	}
}

func TestParseDepNamesTheBadLine(t *testing.T) {
	for text, want := range map[string]string{
		"kernel/a.ko:\nkernel/b.txt:\n":   `modules.dep:2: "kernel/b.txt"`,
		"kernel/a.ko\n":                   "modules.dep:1:",
		"\n../../etc/a.ko:\n":             `modules.dep:2: path "../../etc/a.ko" leaves`,
		"/lib/modules/x/kernel/a.ko:\n":   "leaves the module folder",
		"kernel/a.ko: kernel/b.ko zzz":    `dependency "zzz" of a`,
		"kernel/a b.ko:\n":                "is not a module",
		"kernel/.ko: \n":                  "modules.dep:1:",
		"kernel/a.ko.bz2: kernel/b.ko \n": "modules.dep:1:",
	} {
		_, err := parseDep(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q in it", text, err, want)
		}
	}
}

func TestOpenNeedsOnlyModulesDep(t *testing.T) {
	if _, err := Open(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want ErrNotExist", err)
	}
	x := open(t, folder(t, testutil.Tree{"modules.dep": "kernel/a.ko:\n"}))
	if path, ok := x.Path("a"); !ok || path != "kernel/a.ko" || x.Len() != 1 {
		t.Errorf("got %q, %v, %d modules, want kernel/a.ko of 1", path, ok, x.Len())
	}
}

func TestNamesMixDashAndUnderscore(t *testing.T) {
	x := open(t, "testdata/debian")
	for _, name := range []string{"crc64-rocksoft", "crc64_rocksoft", "snd_hda-codec_hdmi"} {
		if _, ok := x.Path(name); !ok {
			t.Errorf("%s: got nothing, want a path", name)
		}
	}
	if !x.Builtin("sha256-generic") || x.Builtin("ext4") {
		t.Error("want sha256_generic in the kernel and ext4 not")
	}
}
