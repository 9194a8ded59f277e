package main

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"moss/internal/system"
	"moss/internal/testutil"
	"moss/internal/testutil/need"
)

func everyVerb(cmd *cobra.Command, visit func(*cobra.Command)) {
	visit(cmd)
	for _, child := range cmd.Commands() {
		if child.IsAvailableCommand() {
			everyVerb(child, visit)
		}
	}
}

// say runs the program in this process and gives what it printed.
func say(t *testing.T, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	root := withCompletions(newRootCommand())
	root.SetOut(&out)
	root.SetErr(&bytes.Buffer{})
	root.SetArgs(args)
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Errorf("%v: %v", args, err)
	}
	return out.String()
}

// TestHelpOfEveryVerb: an example that names the program, the exit codes once,
// and words about each flag.
func TestHelpOfEveryVerb(t *testing.T) {
	everyVerb(newRootCommand(), func(cmd *cobra.Command) {
		help := say(t, append(strings.Fields(cmd.CommandPath())[1:], "--help")...)
		if n := strings.Count(help, system.ExitCodes); n != 1 {
			t.Errorf("%s --help: got the exit codes %d times", cmd.CommandPath(), n)
		}
		if cmd.HasParent() && !cmd.HasAvailableSubCommands() && (!strings.Contains(cmd.Example, "moss-boot") || !strings.HasPrefix(cmd.Example, "  ")) {
			t.Errorf("%s: got the example %q, want one that is set in by two blanks", cmd.CommandPath(), cmd.Example)
		}
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" {
				t.Errorf("%s: --%s has no words", cmd.CommandPath(), f.Name)
			}
		})
	})
}

// TestManualPages: a page for every verb, every flag in it, and nothing that
// groff complains about.
func TestManualPages(t *testing.T) {
	pages := manual().Pages(newRootCommand())
	everyVerb(newRootCommand(), func(cmd *cobra.Command) {
		page := string(pages[strings.ReplaceAll(cmd.CommandPath(), " ", "-")+".8"])
		if page == "" {
			t.Errorf("%s has no page", cmd.CommandPath())
		}
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden && !strings.Contains(page, `\-\-`+strings.ReplaceAll(f.Name, "-", `\-`)) {
				t.Errorf("%s: --%s is not on its page", cmd.CommandPath(), f.Name)
			}
		})
	})
	groff := need.Program(t, "groff")
	for name, page := range pages {
		cmd := exec.CommandContext(t.Context(), groff, "-man", "-Tutf8", "-ww", "-z")
		cmd.Stdin = bytes.NewReader(page)
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

func TestCompletion(t *testing.T) {
	root := t.TempDir()
	testutil.Tree{"usr/lib/modules/6.1.0-1/": "", "usr/lib/modules/6.12.4/": ""}.Create(t, root)
	for _, c := range []struct{ words, want string }{
		{"-D " + root + " initramfs build --kernel 6.12", "6.12.4\n"},
		{"-D " + root + " initramfs build --compress ", "zstd\nxz\nnone\n"},
		{"-D /nonexistent initramfs build --kernel 6", ""},
		{"initramfs b", "build\t"},
	} {
		got := say(t, append([]string{"__complete"}, strings.Split(c.words, " ")...)...)
		if !strings.HasPrefix(got, c.want) || c.want == "" && !strings.HasPrefix(got, ":") {
			t.Errorf("%s: got %q, want %q", c.words, got, c.want)
		}
	}
}
