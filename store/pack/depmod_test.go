package pack

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"moss/store/deb/debtest"
)

func kernelFiles(more ...debtest.File) []debtest.File {
	return append([]debtest.File{
		{Name: "./boot/vmlinuz-6.1-x", Body: "kernel"},
		{Name: "./lib/modules/6.1-x/modules.order", Body: "kernel/a.ko\n"},
		{Name: "./lib/modules/6.1-x/modules.builtin", Body: ""},
		{Name: "./lib/modules/6.1-x/kernel/a.ko", Body: "module a"},
		{Name: "./lib/modules/6.1-x/kernel/same.ko", Body: "module a"},
	}, more...)
}

// fakeDepmod stands in for kmod's, which wants real modules: it shows what it
// was given and writes what kmod would.
func fakeDepmod(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "depmod"), []byte("#!/bin/sh\nset -e\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
}

func TestKernelIsIndexed(t *testing.T) {
	fakeDepmod(t, `
test "$1 $2 $4 $6 $7" = "-a -b -C -- 6.1-x"
cd "$3/lib/modules/6.1-x"
ls "$5" > modules.config
cat kernel/a.ko kernel/same.ko modules.order > modules.dep
echo replaced > .tmp && mv .tmp modules.order
`)
	r, err := packOne(t, debtest.Package{Files: kernelFiles()})
	if err != nil {
		t.Fatal(err)
	}
	got := list(t, r.Stone)
	for _, want := range []string{
		"100644 0:0 lib/kernel/6.1-x/vmlinuz \"kernel\"\n",
		"100644 0:0 lib/modules/6.1-x/modules.dep \"module amodule akernel/a.ko\\n\"\n",
		"100644 0:0 lib/modules/6.1-x/modules.config \"\"\n",
		"100644 0:0 lib/modules/6.1-x/modules.order \"kernel/a.ko\\n\"\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no line %s in\n%s", want, got)
		}
	}
}

func TestKernelWithAnIndexIsLeftAlone(t *testing.T) {
	fakeDepmod(t, "exit 1")
	for name, files := range map[string][]debtest.File{
		"an index of its own": kernelFiles(debtest.File{Name: "./lib/modules/6.1-x/modules.dep", Body: "mine"}),
		"no kernel's lists":   {{Name: "./lib/modules/6.1-x/updates/b.ko", Body: "module b"}},
		"lists alone":         {{Name: "./lib/modules/6.1-x/modules.order", Body: ""}},
	} {
		if _, err := packOne(t, debtest.Package{Files: files}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKernelFailures(t *testing.T) {
	for script, want := range map[string]string{
		"echo bad module >&2; exit 3": "exit status 3: bad module",
		"exit 0":                      "wrote no modules.dep",
	} {
		fakeDepmod(t, script)
		if _, err := packOne(t, debtest.Package{Files: kernelFiles()}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want an error about %q", script, err, want)
		}
	}
	fakeDepmod(t, "exit 1")
	link := debtest.File{Name: "./lib/modules/6.1-x/kernel/sub", Type: '2', Link: "/etc"}
	below := debtest.File{Name: "./lib/modules/6.1-x/kernel/sub/b.ko", Body: "b"}
	if _, err := packOne(t, debtest.Package{Files: kernelFiles(link, below)}); err == nil || !strings.Contains(err.Error(), "goes through symlink") {
		t.Errorf("modules through a symlink: got %v, want a refusal before depmod runs", err)
	}
}

func TestNoDepmod(t *testing.T) {
	_, err := findProgram([]string{"/nowhere/depmod"})
	if !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("got %v, want %v", err, exec.ErrNotFound)
	}
	missing := &NoDepmodError{"6.1"}
	if !strings.Contains(missing.Error(), "6.1") || !strings.Contains(missing.Hint(), "kmod") {
		t.Errorf("got %q with hint %q, want the kernel and where to get the program", missing, missing.Hint())
	}
}
