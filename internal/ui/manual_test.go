package ui_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"moss/internal/testutil"
	"moss/internal/testutil/need"
	"moss/internal/ui"
)

// nasty has texts that a careless page would take for markup.
func nasty() *cobra.Command {
	root := ui.Root(&cobra.Command{Use: "prog", Short: "Do things", Long: "Prog does *things* with `ticks`.\n\n" + ui.ExitCodes})
	verb := &cobra.Command{Use: "make [DIR]", Short: "Make it", RunE: func(*cobra.Command, []string) error { return nil },
		Long: ".starts with a dot\n'and a quote, C:\\back\\slash \\fBnot bold\n\nSecond paragraph:\n\n  .indented  as it is\n  'again\nand on", Example: "  prog make --dry-run '.'"}
	verb.Flags().BoolP("dry-run", "n", false, "say \\what, \"do\" nothing")
	root.AddCommand(verb, &cobra.Command{Use: "secret", Hidden: true, Run: func(*cobra.Command, []string) {}}, ui.NewGenerateCommand("prog", ui.Manual{
		Files: [][2]string{{"/etc/prog.d", "settings"}}, See: []string{"other(5)"}}), ui.NewCompletionCommand("prog"))
	return root
}

func generateInto(t *testing.T, dir string) {
	t.Helper()
	root := nasty()
	root.SetArgs([]string{"generate", dir})
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestGenerate(t *testing.T) {
	dir, again := t.TempDir(), t.TempDir()
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
	generateInto(t, dir)
	generateInto(t, again)
	if diff := cmp.Diff(testutil.List(t, dir), testutil.List(t, again)); diff != "" {
		t.Errorf("the second run differs:\n%s", diff)
	}
	for _, name := range []string{"man8/prog.8", "man8/prog-make.8", "man8/prog-completion.8",
		"completions/bash/prog", "completions/zsh/_prog", "completions/fish/prog.fish"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	if names, _ := os.ReadDir(filepath.Join(dir, "man8")); len(names) != 3 {
		t.Errorf("got %v, want no page for hidden verbs", names)
	}
}

func TestManualPage(t *testing.T) {
	page := string(ui.Manual{Day: "2026-11-22"}.Pages(nasty())["prog-make.8"])
	for _, want := range []string{
		`.TH "PROG\-MAKE" "8" "2026\-11\-22" "moss" "System Administration"` + "\n",
		"prog\\-make \\- Make it\n",
		"\n\\fBprog make\\fR [DIR] [flags]\n",
		"\n\\&.starts with a dot\n\\(aqand a quote, C:\\eback\\eslash \\efBnot bold\n",
		"\n.RS 4\n.nf\n\\&.indented  as it is\n\\(aqagain\n.fi\n.RE\nand on\n",
		"\n.TP\n\\fB\\-n, \\-\\-dry\\-run\\fR\nsay \\ewhat, \"do\" nothing\n",
		"\n.SH \"EXIT STATUS\"\n.TP\n\\fB0\\fR\ndone\n",
		"\n\\fB3\\fR\nrefused (would not boot, conflict, no space; nothing changed)\n",
		"\nprog make \\-\\-dry\\-run \\(aq.\\(aq\n",
		"\n.SH \"SEE ALSO\"\nprog(8)\n",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in\n%s", want, page)
		}
	}
	root := string(ui.Manual{Files: [][2]string{{"/etc/x", "what"}}, See: []string{"z(5)"}}.Pages(nasty())["prog.8"])
	for _, want := range []string{".SH \"FILES\"\n.TP\n\\fB/etc/x\\fR\nwhat\n", "prog\\-completion(8), prog\\-make(8), z(5)", "\\fBmake [DIR]\\fR\nMake it. See prog\\-make(8).\n"} {
		if !strings.Contains(root, want) {
			t.Errorf("no %q in\n%s", want, root)
		}
	}
	if n := strings.Count(root, "verification found damage"); n != 1 {
		t.Errorf("the exit codes stand there %d times, want once", n)
	}
}

// TestManualPagesAreClean has groff complain about what it does not understand.
func TestManualPagesAreClean(t *testing.T) {
	groff := need.Program(t, "groff")
	for name, page := range (ui.Manual{Day: "2026-11-22", Files: [][2]string{{"a", "b"}}}).Pages(nasty()) {
		cmd := exec.CommandContext(t.Context(), groff, "-man", "-Tutf8", "-ww", "-b", "-z")
		cmd.Stdin = bytes.NewReader(page)
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

func TestSourceDateMustBeANumber(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "yesterday")
	root := nasty()
	root.SetArgs([]string{"generate", t.TempDir()})
	if err := root.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), "yesterday") {
		t.Errorf("got %v", err)
	}
}

// TestHelpEndsWithTheExitCodes, once, whether or not the verb says them itself.
func TestHelpEndsWithTheExitCodes(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"make", "--help"}, {"help", "make"}, {}} {
		root := nasty()
		var out bytes.Buffer
		root.SetOut(&out)
		root.SetArgs(args)
		if err := root.ExecuteContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		if strings.Count(out.String(), ui.ExitCodes) != 1 || !strings.Contains(out.String(), "Usage:") {
			t.Errorf("%v: got\n%s", args, out.String())
		}
	}
}
