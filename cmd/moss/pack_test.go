package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moss/internal/system"
	"moss/internal/testutil"
	"moss/store/deb/debtest"
)

// inProcess runs a command line in this process and gives what it printed and the
// exit code that it would have ended with.
func inProcess(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, complaints bytes.Buffer
	root := newRootCommand()
	root.SetArgs(args)
	root.SetOut(&out)
	root.SetErr(&complaints)
	err := root.ExecuteContext(t.Context())
	if err != nil {
		complaints.WriteString(err.Error())
	}
	return out.String(), complaints.String(), system.ExitCode(err)
}

func helloDeb(t *testing.T) string {
	return debtest.Package{
		Name: "hello", Control: debtest.Stanza("hello", "1:2.0-3", "Depends: libc6 (>= 2), debconf | debconf-2.0"), Compression: "xz",
		Scripts: map[string]string{"postinst": "setcap cap_net_raw+ep $WHO\n"},
		Files:   []debtest.File{{Name: "./bin/hello", Body: "hello world", Mode: 0o755}, {Name: "./etc/hello.conf", Body: "x"}},
	}.Write(t, t.TempDir())
}

func TestPackInspectExtract(t *testing.T) {
	out := filepath.Join(t.TempDir(), "stones")
	stdout, stderr, code := inProcess(t, "pack", helloDeb(t), "-o", out, "--without-dep", "debconf", "--level", "3")
	stone := filepath.Join(out, "hello-2.0-3-1-x86_64.stone")
	if code != 0 || !strings.HasPrefix(stdout, "hello 2.0 -> "+stone+", 2 files, ") || !strings.Contains(stderr, "setcap") {
		t.Fatalf("pack: got %d, %q, %q, want one line about %s and a note about setcap", code, stdout, stderr, stone)
	}
	stdout, _, code = inProcess(t, "inspect", "--check", "--files", stone)
	for _, want := range []string{"hello 2.0", "depends  libc6\n", "release  3, build 1, for x86_64", "2 files, 0 symlinks",
		"everything in it was checked", "-rwxr-xr-x  0:0    11    bin/hello", "share/factory/etc/hello.conf"} {
		if code != 0 || !strings.Contains(stdout, want) {
			t.Errorf("inspect: got %d, no %q in\n%s", code, want, stdout)
		}
	}
	dir := filepath.Join(t.TempDir(), "tree")
	stdout, _, code = inProcess(t, "extract", stone, "-o", dir)
	if want := "hello 2.0 -> " + dir + ", 2 files, 12 B\n"; code != 0 || stdout != want {
		t.Errorf("extract: got %d and %q, want %q", code, stdout, want)
	}
	if body, err := os.ReadFile(filepath.Join(dir, "usr/bin/hello")); err != nil || string(body) != "hello world" {
		t.Errorf("got %q and %v, want hello world", body, err)
	}
	if _, _, code = inProcess(t, "extract", stone, "-o", dir); code != 3 {
		t.Errorf("extracting over it: got exit code %d, want 3", code)
	}
}

func TestPackFolder(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	testutil.Tree{"usr/bin/app": "0755:program"}.Create(t, dir)
	stdout, stderr, code := inProcess(t, "pack", dir, "--name", "app", "--version", "1.2", "--release", "7", "--summary", "an app", "--license", "MIT",
		"--depends", "libc6", "--depends", "soname(libz.so.1(x86_64))", "--provides", "binary(app)", "--homepage", "https://example.org",
		"--owner-root", "--json", "-o", out)
	var packed []packedStone
	if err := json.Unmarshal([]byte(stdout), &packed); err != nil || code != 0 || len(packed) != 1 {
		t.Fatalf("got %d, %q, %q, want an array of one", code, stdout, stderr)
	}
	p := packed[0]
	if p.File != filepath.Join(out, "app-1.2-7-1-x86_64.stone") || p.Files != 1 || p.ContentBytes != 7 || p.StoneBytes == 0 || p.Notes == nil {
		t.Errorf("got %+v", p)
	}
	stdout, _, _ = inProcess(t, "inspect", "--json", p.File)
	var shown []inspection
	if err := json.Unmarshal([]byte(stdout), &shown); err != nil || len(shown) != 1 {
		t.Fatalf("got %q, want an array of one", stdout)
	}
	m := shown[0].Packages[0]
	if got := strings.Join(m.Depends, " ") + "|" + strings.Join(m.Provides, " ") + "|" + m.Licenses[0]; got != "libc6 soname(libz.so.1(x86_64))|binary(app)|MIT" {
		t.Errorf("got %s", got)
	}
	if shown[0].Checked || shown[0].Files != nil || shown[0].Counts.Regular != 1 {
		t.Errorf("got %+v, want one file, unlisted and unchecked", shown[0])
	}
}

func TestPackMistakes(t *testing.T) {
	dir := t.TempDir()
	testutil.Tree{"usr/bin/app": "program"}.Create(t, dir)
	deb := helloDeb(t)
	for name, test := range map[string]struct {
		args []string
		code int
		want string
	}{
		"nothing":             {nil, 2, "arg"},
		"unknown flag":        {[]string{"--wat", deb}, 2, "wat"},
		"level":               {[]string{"--level", "23", deb}, 2, "--level 23"},
		"name of a .deb":      {[]string{"--name", "x", deb}, 2, "--name is for a folder"},
		"folder without name": {[]string{dir}, 2, "--name and --version"},
		"folder and .deb":     {[]string{dir, deb}, 2, "packed alone"},
		"bad provider":        {[]string{dir, "--name", "a", "--version", "1", "--depends", "what(x)"}, 2, "unknown kind"},
		"no such file":        {[]string{filepath.Join(dir, "gone.deb")}, 1, "gone.deb"},
		"no package":          {[]string{filepath.Join(dir, "usr/bin/app")}, 1, "not a Debian package"},
		"bad name":            {[]string{dir, "--name", "../a", "--version", "1"}, 1, `"../a"`},
		"hostile .deb": {[]string{debtest.Package{Name: "evil", Control: debtest.Stanza("evil", "1"),
			Files: []debtest.File{{Name: "./usr/../../x", Body: "x"}}}.Write(t, t.TempDir())}, 3, "has a component .."},
	} {
		t.Run(name, func(t *testing.T) {
			out := t.TempDir()
			stdout, stderr, code := inProcess(t, append([]string{"pack", "-o", out}, test.args...)...)
			if code != test.code || !strings.Contains(stderr, test.want) || stdout != "" {
				t.Errorf("got %d, %q, %q, want code %d and an error about %q", code, stdout, stderr, test.code, test.want)
			}
			if left, _ := os.ReadDir(out); len(left) != 0 {
				t.Errorf("left %v", left)
			}
		})
	}
}

func TestInspectFindsDamageInOneOfTwo(t *testing.T) {
	out := t.TempDir()
	if _, stderr, code := inProcess(t, "pack", "-q", helloDeb(t), "-o", out); code != 0 || stderr != "" {
		t.Fatalf("got %d and %q, want silence", code, stderr)
	}
	good := filepath.Join(out, "hello-2.0-3-1-x86_64.stone")
	b, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-1] ^= 1
	bad := filepath.Join(out, "bad.stone")
	if err := os.WriteFile(bad, b, 0o644); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, code := inProcess(t, "inspect", "--check", bad, good)
	if code != 6 || !strings.Contains(stderr, bad+" is damaged: ") || !strings.Contains(stdout, good+": binary") {
		t.Errorf("got %d, %q, %q, want code 6, %s named and %s shown", code, stdout, stderr, bad, good)
	}
	if _, _, code := inProcess(t, "extract", bad, "-o", filepath.Join(out, "x")); code != 6 {
		t.Errorf("extract: got exit code %d, want 6", code)
	}
	if _, stderr, code := inProcess(t, "inspect", filepath.Join(out, "gone")); code != 1 || !strings.Contains(stderr, "no such file") {
		t.Errorf("a missing file: got %d and %q, want code 1", code, stderr)
	}
}

func TestPrintable(t *testing.T) {
	if got, want := printable("a\x1b[2Jb\u202ec\xffd é"), "a?[2Jb?c?d é"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestModeText(t *testing.T) {
	for mode, want := range map[uint32]string{
		0o100644: "-rw-r--r--", 0o104755: "-rwsr-xr-x", 0o102644: "-rw-r-Sr--", 0o041777: "drwxrwxrwt", 0o120777: "lrwxrwxrwx",
		0o041776: "drwxrwxrwT", 0o170000: "?---------",
	} {
		if got := modeText(mode); got != want {
			t.Errorf("%o: got %s, want %s", mode, got, want)
		}
	}
}
