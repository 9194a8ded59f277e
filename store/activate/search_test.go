package activate_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moss/internal/testutil"
	"moss/internal/testutil/need"
	"moss/store/activate"
)

// moved takes the terminal library of bash out of the default folders.
func moved(t *testing.T, dir string) *activate.Root {
	t.Helper()
	r := realSystem(t)
	data := read(t, filepath.Join(r.Dir(), libs+"libtinfo.so.6"))
	change(t, r, libs+"libtinfo.so.6", gone)
	write(t, filepath.Join(r.Dir(), dir, "libtinfo.so.6"), data, 0o644)
	return r
}

// Folders of ld.so.conf count although ld.so.cache, which is made from it, is
// not looked at.
func TestSearchReadsLdSoConf(t *testing.T) {
	for name, conf := range map[string]testutil.Tree{
		"plain":              {"etc/ld.so.conf": "# a comment\n/opt/lib # another\n"},
		"several on a line":  {"etc/ld.so.conf": "/nowhere:/opt/lib,/else"},
		"old form":           {"etc/ld.so.conf": "/opt/lib=libc6"},
		"included":           {"etc/ld.so.conf": "include ld.so.conf.d/*.conf", "etc/ld.so.conf.d/a.conf": "hwcap 1 x\n/opt/lib"},
		"included by link":   {"etc/ld.so.conf": "-> ../usr/share/conf", "usr/share/conf": "include /usr/share/conf.d/*", "usr/share/conf.d/a": "/opt/lib"},
		"included in circle": {"etc/ld.so.conf": "include /etc/ld.so.conf\n/opt/lib"},
	} {
		t.Run(name, func(t *testing.T) {
			r := moved(t, "opt/lib")
			if err := r.Check(r.Usr(), activate.Checks{}); err == nil {
				t.Fatal("found without ld.so.conf")
			}
			conf.Create(t, r.Dir())
			must(t, r.Check(r.Usr(), activate.Checks{}))
		})
	}
}

func TestSearchConfIsBounded(t *testing.T) {
	r := moved(t, "opt/lib")
	tree := testutil.Tree{"etc/ld.so.conf": "include ld.so.conf.d/*"}
	for i := range 300 {
		tree[fmt.Sprintf("etc/ld.so.conf.d/%d", i)] = "/nowhere"
	}
	tree["etc/ld.so.conf.d/zzz"] = "/opt/lib"
	tree.Create(t, r.Dir())
	if err := r.Check(r.Usr(), activate.Checks{}); err == nil {
		t.Error("read all 301 files, want a bound")
	}
}

// Which variant is loaded depends on the processor, so each must be whole; none
// stands in for the plain library, which another processor needs.
func TestSearchChecksVariants(t *testing.T) {
	r := realSystem(t)
	variant := libs + "glibc-hwcaps/x86-64-v3/libtinfo.so.6"
	write(t, filepath.Join(r.Dir(), variant), read(t, filepath.Join(r.Dir(), libs+"libtinfo.so.6")), 0o644)
	must(t, r.Check(r.Usr(), activate.Checks{}))
	change(t, r, variant, half)
	if err := r.Check(r.Usr(), activate.Checks{}); err == nil || !strings.Contains(err.Error(), "/"+variant+" is cut short") {
		t.Errorf("got %v", err)
	}
	change(t, r, libs+"libtinfo.so.6", gone)
	if err := r.Check(r.Usr(), activate.Checks{}); err == nil || !strings.Contains(err.Error(), "needs libtinfo.so.6") {
		t.Errorf("got %v", err)
	}
}

// A loader that does not say where it looks may look everywhere.
func TestSearchWithUnknownLoader(t *testing.T) {
	r := installation(t, testutil.Tree{"lib": "-> usr/lib"})
	write(t, filepath.Join(r.Usr(), "lib/ld-other.so"), activate.ElfSpec{Soname: "ld-other.so"}.Bytes(), 0o755)
	write(t, filepath.Join(r.Usr(), "lib64/libx.so"), activate.ElfSpec{Soname: "libx.so", Needed: []string{"ld-other.so"}}.Bytes(), 0o644)
	program := activate.ElfSpec{Program: true, Interp: "/lib/ld-other.so", Needed: []string{"libx.so"}}
	write(t, filepath.Join(r.Usr(), "bin/init"), program.Bytes(), 0o755)
	must(t, r.Check(r.Usr(), activate.Checks{Init: "/usr/bin/init"}))
	must(t, os.Remove(filepath.Join(r.Usr(), "lib64/libx.so")))
	if err := r.Check(r.Usr(), activate.Checks{Init: "/usr/bin/init"}); err == nil {
		t.Error("passed without the library")
	}
}

// A program that needs no other file is enough: Go programs are such.
func TestCheckOfStaticProgram(t *testing.T) {
	r := installation(t, testutil.Tree{})
	write(t, filepath.Join(r.Usr(), "bin/init"), activate.ElfSpec{Program: true}.Bytes(), 0o755)
	must(t, r.Check(r.Usr(), activate.Checks{Init: "/usr/bin/init"}))
}

// The whole of a real system, when the tests run on one.
func TestCheckOfThisMachine(t *testing.T) {
	if _, err := os.Stat("/sbin/init"); err != nil {
		need.Machine(t, "an init: %v", err)
	}
	must(t, activate.Open("/").Check("/usr", activate.Checks{}))
}

func BenchmarkCheck(b *testing.B) {
	r := realSystem(b)
	for b.Loop() {
		must(b, r.Check(r.Usr(), activate.Checks{}))
	}
}
