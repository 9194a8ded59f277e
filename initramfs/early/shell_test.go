package early

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moss/internal/cmdline"
	"moss/internal/testutil"
)

// shellBoot has a console that is a file, and the programs of the tree.
func shellBoot(t *testing.T, line string, tree testutil.Tree) (*Boot, func() string) {
	t.Helper()
	top := t.TempDir()
	tree.Create(t, top)
	path := filepath.Join(top, "console")
	tty, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tty.Close() })
	b := &Boot{Top: top, line: cmdline.Parse(line)}
	b.console.tty = tty
	return b, func() string { return testutil.Read(t, path) }
}

const says = "0755:#!/bin/sh\necho \"shell with PATH $PATH in $(pwd)\"\nexit "

func TestShellOnlyWhenAsked(t *testing.T) {
	b, said := shellBoot(t, "moss.fstx=3 quiet", testutil.Tree{"bin/sh": says + "0"})
	if err := b.rescueShell(); err != nil || said() != "" {
		t.Errorf("got %v, %q, want nothing", err, said())
	}
}

func TestShellThenTheBoot(t *testing.T) {
	b, said := shellBoot(t, "moss.fstx=3 moss.shell", testutil.Tree{"bin/sh": says + "0"})
	if err := b.rescueShell(); err != nil {
		t.Error(err)
	}
	for _, want := range []string{"exit: go on and boot state 3", "shell with PATH /bin:/sbin:/usr/bin:/usr/sbin in " + b.Top + "\n", "/sysroot"} {
		if !strings.Contains(said(), want) {
			t.Errorf("got %q, want %q in it", said(), want)
		}
	}
}

// TestNoShellGoesOn: the word alone never keeps a machine from booting.
func TestNoShellGoesOn(t *testing.T) {
	for name, tree := range map[string]testutil.Tree{
		"none": {}, "one that cannot run": {"bin/sh": "0644:x"}, "a folder": {"bin/sh/": ""}, "one that does not start": {"bin/sh": "0755:\x7fELF"},
	} {
		b, said := shellBoot(t, "moss.shell", tree)
		if err := b.rescueShell(); err != nil || !strings.Contains(said(), "going on") {
			t.Errorf("%s: got %v, %q, want one line and the boot", name, err, said())
		}
	}
	b, _ := shellBoot(t, "moss.shell", testutil.Tree{"bin/sh": says + "0"})
	b.console.tty = nil
	if err := b.rescueShell(); err != nil {
		t.Errorf("no console: %v", err)
	}
}

func TestWhatFollowsTheShell(t *testing.T) {
	for _, c := range []struct {
		line   string
		status int
		want   bool
	}{{"moss.fstx=3 moss.shell", 0, true}, {"moss.fstx=3 moss.shell", 1, false}, {"moss.fstx=3 moss.shell", -1, false}, {"moss.shell", 0, false}} {
		b, _ := shellBoot(t, c.line, nil)
		if got := b.bootsOn(c.status); got != c.want {
			t.Errorf("%q, status %d: got %v, want %v", c.line, c.status, got, c.want)
		}
		if got := strings.Join(b.shellWelcome(), "\n"); strings.Contains(got, "state 3") != b.line.Has("moss.fstx") {
			t.Errorf("%q: got %s", c.line, got)
		}
	}
	b, _ := shellBoot(t, "moss.shell", testutil.Tree{"bin/sh": says + "7"})
	if status, err := b.runProgram(b.shell(), true); err != nil || status != 7 {
		t.Errorf("got %d, %v, want 7", status, err)
	}
}

// TestWhichShell: a whole one before busybox.
func TestWhichShell(t *testing.T) {
	for want, tree := range map[string]testutil.Tree{
		"/bin/sh":             {"bin/sh": "0755:x", "bin/busybox": "0755:x"},
		"/usr/bin/sh":         {"usr/bin/sh": "0755:x"},
		"/bin/busybox sh":     {"bin/busybox": "0755:x"},
		"/usr/bin/busybox sh": {"usr/bin/busybox": "0755:x", "bin/sh": "0644:x"},
		"":                    {"bin/bash": "0755:x"},
	} {
		b, _ := shellBoot(t, "", tree)
		if got := strings.Join(b.shell(), " "); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
