package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"moss/internal/system"
	"moss/internal/testutil"
	"moss/internal/testutil/need"
	"moss/internal/ui"
)

// everyVerb calls visit for each visible verb.
func everyVerb(cmd *cobra.Command, visit func(*cobra.Command)) {
	visit(cmd)
	for _, child := range cmd.Commands() {
		if child.IsAvailableCommand() {
			everyVerb(child, visit)
		}
	}
}

// TestHelpOfEveryVerb: an example that names the verb, the exit codes once, and
// words about each flag.
func TestHelpOfEveryVerb(t *testing.T) {
	everyVerb(newRootCommand(), func(cmd *cobra.Command) {
		stdout, _, code := inProcess(t, append(strings.Fields(cmd.CommandPath())[1:], "--help")...)
		if code != 0 || strings.Count(stdout, system.ExitCodes) != 1 {
			t.Errorf("%s --help: got code %d and the exit codes %d times", cmd.CommandPath(), code, strings.Count(stdout, system.ExitCodes))
		}
		if cmd.HasParent() && !cmd.HasAvailableSubCommands() && (!strings.Contains(cmd.Example, cmd.Root().Name()) || !strings.HasPrefix(cmd.Example, "  ")) {
			t.Errorf("%s: got the example %q, want one that is set in by two blanks", cmd.CommandPath(), cmd.Example)
		}
		if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") || strings.Contains(cmd.Short, "\n") {
			t.Errorf("%s: got the summary %q", cmd.CommandPath(), cmd.Short)
		}
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" {
				t.Errorf("%s: --%s has no words", cmd.CommandPath(), f.Name)
			}
		})
	})
}

func TestExitCodesAreSaidTheSameEverywhere(t *testing.T) {
	if ui.ExitCodes != system.ExitCodes {
		t.Errorf("got %q, want %q", system.ExitCodes, ui.ExitCodes)
	}
}

// TestManualPages: a page for every verb, every flag in it, and nothing that
// groff complains about.
func TestManualPages(t *testing.T) {
	pages := manual().Pages(newRootCommand())
	everyVerb(newRootCommand(), func(cmd *cobra.Command) {
		name := strings.ReplaceAll(cmd.CommandPath(), " ", "-") + ".8"
		page := string(pages[name])
		if page == "" {
			t.Errorf("%s has no page", cmd.CommandPath())
		}
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden && !strings.Contains(page, `\-\-`+strings.ReplaceAll(f.Name, "-", `\-`)) {
				t.Errorf("%s: --%s is not there", name, f.Name)
			}
		})
	})
	for name, page := range pages {
		lint(t, name, page)
	}
	page, err := os.ReadFile(filepath.Join(testutil.Repo(t), "dist/man/moss-init.8"))
	if err != nil {
		t.Fatal(err)
	}
	lint(t, "moss-init.8", page)
}

func lint(t *testing.T, name string, page []byte) {
	groff := need.Program(t, "groff")
	cmd := exec.CommandContext(t.Context(), groff, "-man", "-Tutf8", "-ww", "-z")
	cmd.Stdin = bytes.NewReader(page)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%s: %v\n%s", name, err, out)
	}
}

// asUser runs the program as a user does, with its errors on standard error.
func asUser(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Args[0] = "moss" // TestMain serves the program under that name
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	_ = cmd.Run() // its outcome is in ProcessState
	return out.String(), complaints.String(), cmd.ProcessState.ExitCode()
}

// mistake is a command line that cannot work.
type mistake struct {
	name, args string
	code       int
	want       string
}

func mistakes() []mistake {
	return []mistake{
		{"unknown verb", "frobnicate", 2, "frobnicate"},
		{"nearly a verb", "instal x", 2, "did you mean: moss install"},
		{"unknown flag", "list installed --frob", 2, "--frob"},
		{"flag without value", "list installed -D", 2, "-D"},
		{"unknown colour", "list installed --color blue", 2, "want auto, always or never"},
		{"unknown progress", "list installed --progress loud", 2, "want auto, json or none"},
		{"no verb below list", "list", 2, "installed"},
		{"unknown verb below list", "list frob", 2, "frob"},
		{"unknown verb below state", "state frob", 2, "frob"},
		{"too few words", "search", 2, "search"},
		{"too many words", "list installed x", 2, "x"},
		{"two flags that exclude each other", "search x --files --provides", 2, "provides"},
		{"unknown kind", "search --provides=wat x", 1, "wat"},
		{"unknown shell", "completion tcsh", 2, "tcsh"},
		{"state that is not there", "state show 99", 3, "99"},
		{"state that is no number", "state show nine", 2, "nine"},
		{"comparison with nothing", "state diff 1 99", 3, "99"},
		{"activation of nothing", "state activate 99", 3, "99"},
		{"unknown package", "info emacs", 1, "emacs"},
		{"package that is not installed", "files emacs", 1, "emacs"},
		{"removal of what is not there", "remove emacs", 3, "emacs"},
		{"installation of the unknown", "install emacs", 3, "emacs"},
		{"no such file", "install ./absent.stone", 1, "absent.stone"},
		{"file that is no package", "install $TEXT.stone", 1, "text.stone"},
		{"path of nobody", "owner /usr/nothing", 1, "/usr/nothing"},
		{"empty path", "owner $EMPTY", 1, "no such path"},
		{"hostile text", "info evil\x1b[2J\nname", 1, "evil?[2J"},
		{"root without a store", "list installed -D $EMPTYROOT", 1, "there is none"},
		{"root that is not there", "list installed -D $EMPTYROOT/x", 1, "there is none"},
		{"root that is a file", "list installed -D $TEXT.stone", 1, "text.stone"},
		{"database that is none", "list installed -D $BROKENDB", 1, "database"},
		{"repository file that is none", "list available -D $BROKENREPO", 1, "broken.yaml"},
		{"store in use", "remove base", 5, "held by a neighbour"},
	}
}

// TestMistakes: one line of what, why, and one of what next; the right code; one
// object for scripts; nothing on standard output, no trace of the inside.
func TestMistakes(t *testing.T) {
	places := mistakenRoots(t)
	for _, m := range mistakes() {
		t.Run(m.name, func(t *testing.T) {
			args := []string{"-D", places["$ROOT"]}
			for word := range strings.SplitSeq(m.args, " ") {
				for from, to := range places {
					word = strings.ReplaceAll(word, from, to)
				}
				args = append(args, word)
			}
			if m.code == 5 {
				hold(t, filepath.Join(places["$ROOT"], ".moss/lock"))
			}
			stdout, stderr, code := asUser(t, args...)
			if code != m.code || stdout != "" || !strings.Contains(stderr, m.want) {
				t.Errorf("got code %d, %q, %q, want code %d and %q", code, stdout, stderr, m.code, m.want)
			}
			lines := strings.SplitAfter(stderr, "\n")
			if len(lines) < 2 || len(lines) > 3 || !strings.HasPrefix(lines[0], "moss: ") || len(lines) == 3 && !strings.HasPrefix(lines[1], "  next: ") ||
				strings.Contains(stderr, "goroutine") || strings.ContainsRune(stderr, '\x1b') {
				t.Errorf("got %q, want one line, and one of what is next", stderr)
			}
			asJSON(t, args, m)
		})
	}
}

func asJSON(t *testing.T, args []string, m mistake) {
	t.Helper()
	stdout, stderr, code := asUser(t, append([]string{"--json"}, args...)...)
	var said struct {
		Error, Hint *string
		Code        int
	}
	if err := json.Unmarshal([]byte(stderr), &said); err != nil || said.Error == nil || said.Hint == nil || said.Code != m.code || code != m.code || *said.Error == "" {
		t.Errorf("--json: got code %d and %q (%v), want an object with error, hint and code %d", code, stderr, err, m.code)
	}
	if m.code != 1 && stdout != "" {
		t.Errorf("--json: got %q on standard output", stdout)
	}
}

func mistakenRoots(t *testing.T) map[string]string {
	t.Helper()
	dir := t.TempDir()
	root := filepath.Join(dir, "root")
	testutil.NewRoot(t, root)
	stone := testutil.Base().Write(t, dir)
	if _, stderr, code := asUser(t, "-D", root, "install", stone); code != 0 {
		t.Fatalf("install: got code %d, %s", code, stderr)
	}
	testutil.Tree{
		"text.stone": "This is text.", "empty/": "",
		"brokendb/.moss/db/moss.sqlite":                    strings.Repeat("This is no database. ", 100),
		"brokenrepo/etc/moss/repo.d/broken.yaml":           "a: [",
		"brokenrepo/usr/share/moss/repo.d/fine.yaml.later": "",
	}.Create(t, dir)
	return map[string]string{"$ROOT": root, "$TEXT": filepath.Join(dir, "text"), "$EMPTYROOT": filepath.Join(dir, "empty"),
		"$BROKENDB": filepath.Join(dir, "brokendb"), "$BROKENREPO": filepath.Join(dir, "brokenrepo"), "$EMPTY": ""}
}

// hold takes the store's lock as another command would.
func hold(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(0); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("a neighbour\n"), 0); err != nil {
		t.Fatal(err)
	}
}

// completions are the words that a shell is given after these.
func completions(t *testing.T, words ...string) (got []string) {
	t.Helper()
	stdout, stderr, code := asUser(t, append([]string{"__complete"}, words...)...)
	if code != 0 || strings.Contains(stderr, "rror") {
		t.Errorf("complete %q: got code %d, %q", words, code, stderr)
	}
	for line := range strings.Lines(stdout) {
		if word, _, _ := strings.Cut(strings.TrimSpace(line), "\t"); word != "" && !strings.HasPrefix(word, ":") {
			got = append(got, word)
		}
	}
	return got
}

func TestCompletion(t *testing.T) {
	root := mistakenRoots(t)["$ROOT"]
	for _, c := range []struct {
		words []string
		want  string
	}{
		{[]string{"-D", root, "remove", ""}, "base"},
		{[]string{"-D", root, "rm", "b"}, "base"},
		{[]string{"-D", root, "remove", "base", ""}, ""},
		{[]string{"-D", root, "remove", "x"}, ""},
		{[]string{"-D", root, "info", "ba"}, "base"},
		{[]string{"-D", root, "files", ""}, "base"},
		{[]string{"-D", root, "files", "base", ""}, ""},
		{[]string{"-D", root, "state", "activate", ""}, "1"},
		{[]string{"-D", root, "state", "show", "1", ""}, ""},
		{[]string{"-D", root, "repo", "enable", ""}, ""},
		{[]string{"list", "i"}, "installed"},
		{[]string{"completion", ""}, "bash fish zsh"},
		{[]string{"--color", ""}, "auto always never"},
		{[]string{"search", "--provides="}, "any name soname"},
		{[]string{"-D", "/nonexistent", "remove", ""}, ""},
	} {
		got := completions(t, c.words...)
		if c.words[0] == "search" {
			got = got[:min(3, len(got))]
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%q: got %q, want %q", c.words[:len(c.words)], got, c.want)
		}
	}
}

// TestCompletionScripts: each shell takes its script without a complaint.
func TestCompletionScripts(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		stdout, _, code := inProcess(t, "completion", shell)
		if code != 0 || !strings.Contains(stdout, "moss") {
			t.Errorf("%s: got code %d and %d bytes", shell, code, len(stdout))
		}
		path, err := exec.LookPath(shell)
		if err != nil {
			t.Logf("%s is not installed, its script was not read by it", shell)
			continue
		}
		cmd := exec.CommandContext(t.Context(), path, "-n")
		cmd.Stdin = strings.NewReader(stdout)
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", shell, err, out)
		}
	}
}

// TestShortForms: each is made of verbs and flags that there are.
func TestShortForms(t *testing.T) {
	for form, words := range shortForms() {
		cmd, rest, err := newRootCommand().Find(strings.Fields(words))
		if err != nil || cmd.HasAvailableSubCommands() {
			t.Errorf("%s: got %v for %q, want a verb", form, err, words)
			continue
		}
		for _, flag := range rest {
			name := strings.TrimLeft(flag, "-")
			if cmd.Flags().Lookup(name) == nil && (len(name) != 1 || cmd.Flags().ShorthandLookup(name) == nil) {
				t.Errorf("%s: %s has no flag %s", form, cmd.CommandPath(), flag)
			}
		}
	}
}

// TestStrictUmask: a store made by a root with umask 077 is readable all the same.
func TestStrictUmask(t *testing.T) {
	old := unix.Umask(0o077)
	defer unix.Umask(old)
	dir := t.TempDir()
	testutil.NewRoot(t, dir)
	stone := testutil.Base().Write(t, t.TempDir())
	if _, stderr, code := asUser(t, "-D", dir, "install", stone); code != 0 {
		t.Fatalf("got code %d, %s", code, stderr)
	}
	for _, name := range []string{".moss", ".moss/db", ".moss/db/moss.sqlite", ".moss/manifests/1"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode()&0o044 != 0o044 {
			t.Errorf("%s: got %v, %v, want it readable for all", name, info.Mode(), err)
		}
	}
}
