package activate_test

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"moss/internal/testutil"
	"moss/internal/testutil/need"
	"moss/store/activate"
)

const (
	libs   = "usr/lib/x86_64-linux-gnu/"
	linker = "/lib64/ld-linux-x86-64.so.2"
)

// realSystem is a root whose /usr boots this machine's own bash as init.
func realSystem(t testing.TB) *activate.Root {
	t.Helper()
	r := installation(t, testutil.Tree{
		"bin": "-> usr/bin", "sbin": "-> usr/sbin", "lib": "-> usr/lib", "lib64": "-> usr/lib64",
		"usr/sbin/init":                  "-> ../bin/bash",
		"usr/lib64/ld-linux-x86-64.so.2": "-> ../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
	})
	for _, name := range []string{"usr/bin/bash", libs + "libc.so.6", libs + "libtinfo.so.6", libs + "ld-linux-x86-64.so.2"} {
		data, err := os.ReadFile("/" + name)
		if err != nil {
			need.Machine(t, "Debian on x86-64: %v", err)
		}
		write(t, filepath.Join(r.Dir(), name), data, 0o755)
	}
	return r
}

// change edits one file of the root; a nil result removes it.
func change(t testing.TB, r *activate.Root, name string, edit func([]byte) []byte) {
	t.Helper()
	path := filepath.Join(r.Dir(), name)
	data := edit(read(t, path))
	must(t, os.Remove(path))
	if data != nil {
		write(t, path, data, 0o755)
	}
}

func gone([]byte) []byte         { return nil }
func half(data []byte) []byte    { return data[:len(data)/2] }
func foreign(data []byte) []byte { binary.LittleEndian.PutUint16(data[18:], 183); return data }
func zeroed(data []byte) []byte  { return make([]byte, len(data)) }
func text(s string) func([]byte) []byte {
	return func([]byte) []byte { return []byte(s) }
}

func link(t testing.TB, r *activate.Root, name, target string) {
	t.Helper()
	path := filepath.Join(r.Dir(), name)
	_ = os.Remove(path)
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.Symlink(target, path))
}

func TestCheckOfRealSystem(t *testing.T) {
	r := realSystem(t)
	must(t, r.Check(r.Usr(), activate.Checks{}))
	must(t, r.Check(r.Usr(), activate.Checks{Init: "/usr/bin/bash", Kernel: "6.1.0"}))
}

// What is wrong, and the sentence for it.
var broken = []struct {
	name string
	edit func(*testing.T, *activate.Root)
	init string
	want string
}{
	{"no C library", func(t *testing.T, r *activate.Root) { change(t, r, libs+"libc.so.6", gone) }, "",
		"/usr/bin/bash needs libc.so.6, which is in no library folder"},
	{"C library cut short", func(t *testing.T, r *activate.Root) { change(t, r, libs+"libc.so.6", half) }, "",
		"/usr/lib/x86_64-linux-gnu/libc.so.6 is cut short"},
	{"C library of another machine", func(t *testing.T, r *activate.Root) { change(t, r, libs+"libc.so.6", foreign) }, "",
		"in no library folder; /usr/lib/x86_64-linux-gnu/libc.so.6 is for another kind of machine"},
	{"C library never written out", func(t *testing.T, r *activate.Root) { change(t, r, libs+"libc.so.6", zeroed) }, "",
		"/usr/lib/x86_64-linux-gnu/libc.so.6 is not an ELF file"},
	{"C library empty", func(t *testing.T, r *activate.Root) { change(t, r, libs+"libc.so.6", text("")) }, "",
		"is too short for an ELF file; /usr/bin/bash needs it"},
	{"needed library of a program that is none", func(t *testing.T, r *activate.Root) {
		change(t, r, libs+"libtinfo.so.6", func([]byte) []byte { return activate.ElfSpec{Program: true}.Bytes() })
	}, "", "libtinfo.so.6 is a program and not a library"},
	{"interpreter missing", func(t *testing.T, r *activate.Root) { change(t, r, libs+"ld-linux-x86-64.so.2", gone) }, "",
		"/usr/bin/bash needs its interpreter, and " + linker + " leads to /usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2, which is missing"},
	{"interpreter cut short", func(t *testing.T, r *activate.Root) { change(t, r, libs+"ld-linux-x86-64.so.2", half) }, "",
		"/usr/bin/bash needs its interpreter, and /usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 is cut short"},
	{"init missing", func(t *testing.T, r *activate.Root) { must(t, os.Remove(filepath.Join(r.Usr(), "sbin/init"))) }, "",
		"/sbin/init is missing, and there is no other init"},
	{"init dangling", func(t *testing.T, r *activate.Root) { link(t, r, "usr/sbin/init", "/usr/lib/systemd/systemd") }, "",
		"/sbin/init leads to /usr/lib/systemd, which is missing"},
	{"init in a circle", func(t *testing.T, r *activate.Root) { link(t, r, "usr/sbin/init", "init") }, "",
		"/sbin/init leads to /usr/sbin/init, which is a link that never ends"},
	{"init not executable", func(t *testing.T, r *activate.Root) { must(t, os.Chmod(filepath.Join(r.Usr(), "bin/bash"), 0o644)) }, "",
		"/usr/bin/bash is not executable"},
	{"init a folder", func(*testing.T, *activate.Root) {}, "/usr/bin", "/usr/bin is not a regular file"},
	{"init of the command line missing", func(*testing.T, *activate.Root) {}, "/opt/init", "/opt/init is missing"},
	{"init below a file", func(*testing.T, *activate.Root) {}, "/bin/bash/x", "/bin/bash/x leads to /usr/bin/bash, which is not a folder"},
	{"init the root", func(*testing.T, *activate.Root) {}, "/", "/ is not a regular file"},
	{"init of another machine", func(t *testing.T, r *activate.Root) { change(t, r, "usr/bin/bash", foreign) }, "",
		"/usr/bin/bash is for another kind of machine"},
	{"init a text without interpreter", func(t *testing.T, r *activate.Root) { change(t, r, "usr/bin/bash", text(strings.Repeat("echo\n", 99))) }, "",
		"/usr/bin/bash is not an ELF file"},
	{"script whose interpreter is missing", func(t *testing.T, r *activate.Root) { change(t, r, "usr/bin/bash", text("#! /bin/dash -e\n")) }, "",
		"/usr/bin/bash is run by /bin/dash: /bin/dash leads to /usr/bin/dash, which is missing"},
	{"script without interpreter", func(t *testing.T, r *activate.Root) { change(t, r, "usr/bin/bash", text("#! \n")) }, "",
		"/usr/bin/bash is a script that names no interpreter"},
	{"script that runs itself", func(t *testing.T, r *activate.Root) { change(t, r, "usr/bin/bash", text("#!/bin/bash\n")) }, "",
		"is a script whose interpreter is a script, too often"},
	{"script whose interpreter lacks a library", func(t *testing.T, r *activate.Root) {
		write(t, filepath.Join(r.Usr(), "bin/start"), []byte("#!/bin/bash\n"), 0o755)
		change(t, r, libs+"libc.so.6", gone)
	}, "/usr/bin/start", "/usr/bin/start is run by /bin/bash: /usr/bin/bash needs libc.so.6"},
	{"links that leave the tree stay inside", func(t *testing.T, r *activate.Root) {
		link(t, r, "usr/sbin/init", "/../../../../../usr/bin/../../bin/../../../etc/hostname")
	}, "", "/sbin/init leads to /etc, which is missing"},
}

func TestCheckFindsWhatIsBroken(t *testing.T) {
	for _, tt := range broken {
		t.Run(tt.name, func(t *testing.T) {
			r := realSystem(t)
			tt.edit(t, r)
			err := r.Check(r.Usr(), activate.Checks{Init: tt.init})
			if _, ok := errors.AsType[*activate.CannotBoot](err); !ok || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v\nwant %q", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("got %q, want one line", err)
			}
		})
	}
}

func TestCheckWithoutTree(t *testing.T) {
	r := realSystem(t)
	for path, want := range map[string]string{r.Archive(9): "/.moss/root/9/usr is missing", filepath.Join(r.Usr(), "bin/bash"): "/usr/bin/bash is not a folder", "/nonexistent": "/nonexistent is missing"} {
		if err := r.Check(path, activate.Checks{}); err == nil || err.Error() != want {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// An archived tree is checked as if it were /usr: the root's links lead into
// it, never into the live tree.
func TestCheckOfArchivedTree(t *testing.T) {
	r := realSystem(t)
	must(t, os.MkdirAll(filepath.Dir(r.Archive(5)), 0o755))
	must(t, os.Rename(r.Usr(), r.Archive(5)))
	must(t, r.Check(r.Archive(5), activate.Checks{}))

	other := realSystem(t)
	testutil.Tree{".moss/root/5/usr/": ""}.Create(t, other.Dir())
	if err := other.Check(other.Archive(5), activate.Checks{}); err == nil {
		t.Error("an empty tree passed because of the live one")
	}
}

func TestCheckWithoutRootLinks(t *testing.T) {
	r := realSystem(t)
	for _, name := range []string{"bin", "sbin", "lib", "lib64"} {
		must(t, os.Remove(filepath.Join(r.Dir(), name)))
	}
	must(t, r.Check(r.Usr(), activate.Checks{}))
	if got := r.WrongLinks(); len(got) != 4 {
		t.Errorf("got %v, want the links that the check counted on", got)
	}
}

// A merged /usr is not required: programs outside it are the root's own.
func TestCheckOfUnmergedRoot(t *testing.T) {
	r := realSystem(t)
	must(t, os.Remove(filepath.Join(r.Dir(), "lib64")))
	must(t, os.MkdirAll(filepath.Join(r.Dir(), "lib64"), 0o755))
	must(t, os.Rename(filepath.Join(r.Dir(), libs+"ld-linux-x86-64.so.2"), filepath.Join(r.Dir(), linker)))
	must(t, r.Check(r.Usr(), activate.Checks{}))
}

func TestCheckOfKernelModules(t *testing.T) {
	r := realSystem(t)
	testutil.Tree{
		"6.1.0-50/modules.dep": "", "6.1.0-51/kernel/": "", "6.1.0-52/other": "", "a-file": "",
	}.Create(t, filepath.Join(r.Usr(), "lib/modules"))
	for kernel, want := range map[string]string{
		"": "", "6.1.0-50": "", "6.1.0-51": "",
		"6.1.0-52": "/usr/lib/modules/6.1.0-52 holds neither modules.dep nor modules",
		"7.0":      "/usr/lib/modules has no modules for kernel 7.0, only for 6.1.0-50, 6.1.0-51, 6.1.0-52",
		"a-file":   "/usr/lib/modules has no modules for kernel a-file",
		"../bin":   "/usr/lib/modules has no modules for kernel ../bin",
	} {
		err := r.Check(r.Usr(), activate.Checks{Kernel: kernel})
		because, ok := errors.AsType[*activate.CannotBoot](err)
		if ok != (want != "") || ok && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("kernel %q: got %v, want %q", kernel, err, want)
		}
		if ok && because.OtherKernel != (want != "") {
			t.Errorf("kernel %q: got OtherKernel %v", kernel, because.OtherKernel)
		}
	}
}

func TestInitOfDefaultList(t *testing.T) {
	for name, tt := range map[string]struct {
		tree  testutil.Tree
		named string
		want  string
	}{
		"sbin":             {testutil.Tree{"sbin/init": "x", "usr/lib/systemd/systemd": "x"}, "", "/sbin/init"},
		"systemd":          {testutil.Tree{"sbin/": "", "usr/lib/systemd/systemd": "x", "usr/bin/init": "x"}, "", "/usr/lib/systemd/systemd"},
		"bin":              {testutil.Tree{"sbin/": "", "usr/bin/init": "x"}, "", "/bin/init"},
		"dangling":         {testutil.Tree{"sbin/init": "-> nowhere", "usr/bin/init": "x"}, "", "/sbin/init"},
		"named":            {testutil.Tree{"sbin/init": "x"}, "usr/bin/other", "/usr/bin/other"},
		"never a shell":    {testutil.Tree{"bin/sh": "x", "usr/bin/sh": "x"}, "", ""},
		"named shell":      {testutil.Tree{}, "/bin/sh", "/bin/sh"},
		"through the root": {testutil.Tree{"sbin": "-> usr/sbin", "usr/sbin/init": "x"}, "", "/sbin/init"},
	} {
		t.Run(name, func(t *testing.T) {
			r := installation(t, tt.tree)
			got, err := r.Init(r.Usr(), tt.named)
			if got != tt.want || (err != nil) != (tt.want == "") {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

// Names from a hostile tree must not write to the console what they like.
func TestReasonsAreOneQuotedLine(t *testing.T) {
	r := realSystem(t)
	name := "evil\n\x1b[2J" + strings.Repeat("x", 500)
	data := activate.ElfSpec{Program: true, Interp: linker, Needed: []string{name}}.Bytes()
	change(t, r, "usr/bin/bash", func([]byte) []byte { return data })
	err := r.Check(r.Usr(), activate.Checks{})
	if err == nil || strings.ContainsAny(err.Error(), "\n\x1b") || len(err.Error()) > 800 {
		t.Errorf("got %q", err)
	}
}

func TestCheckDoesNotHangOnFifo(t *testing.T) {
	r := realSystem(t)
	change(t, r, libs+"libc.so.6", gone)
	must(t, unix.Mkfifo(filepath.Join(r.Dir(), libs+"libc.so.6"), 0o755))
	if err := r.Check(r.Usr(), activate.Checks{}); err == nil || !strings.Contains(err.Error(), "is not a regular file") {
		t.Errorf("got %v", err)
	}
}

// Thousands of libraries that need each other end in an error, not in a boot
// that never comes.
func TestCheckIsBounded(t *testing.T) {
	r := realSystem(t)
	const count = 2500
	for i := range count {
		name := libName(i)
		spec := activate.ElfSpec{Soname: name, Needed: []string{libName((i + 1) % count), libName(2 * i % count), libName(3 * i % count)}}
		write(t, filepath.Join(r.Dir(), libs, name), spec.Bytes(), 0o644)
	}
	data := activate.ElfSpec{Program: true, Interp: linker, Needed: []string{libName(0)}}.Bytes()
	change(t, r, "usr/bin/bash", func([]byte) []byte { return data })
	err := r.Check(r.Usr(), activate.Checks{})
	if err == nil || !strings.Contains(err.Error(), "needs more than 2048 libraries") {
		t.Errorf("got %v", err)
	}
}

func libName(i int) string {
	return "lib" + strings.Repeat("x", i/1000) + activate.ID(i+1).String() + ".so"
}
