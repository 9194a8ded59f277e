package ui_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"moss/internal/ui"
)

// TestShortFormsOnlyInPlaceOfTheVerb: elsewhere "li" may be a package or a
// folder, and rewriting it there installs the wrong thing.
func TestShortFormsOnlyInPlaceOfTheVerb(t *testing.T) {
	root := ui.Root(&cobra.Command{Use: "prog"})
	forms := map[string]string{"li": "list installed", "rm": "remove"}
	for in, want := range map[string]string{
		"li":                          "list installed",
		"rm nano":                     "remove nano",
		"rm li":                       "remove li",
		"install li":                  "install li",
		"install rm":                  "install rm",
		"-D li rm x":                  "-D li remove x",
		"-D li":                       "-D li",
		"--root li li":                "--root li list installed",
		"--root=x li":                 "--root=x list installed",
		"-qyD li li":                  "-qyD li list installed",
		"-qDli li":                    "-qDli list installed",
		"-q -v --json li":             "-q -v --json list installed",
		"--color never li":            "--color never list installed",
		"--unknown li":                "--unknown list installed",
		"-- li":                       "-- li",
		"help li":                     "help li",
		"":                            "",
		"-":                           "-",
		"__complete li ":              "__complete list installed ",
		"__complete li x":             "__complete list installed x",
		"__complete li":               "__complete li",
		"__complete -D li rm n":       "__complete -D li remove n",
		"__completeNoDesc install li": "__completeNoDesc install li",
	} {
		args := strings.Split(in, " ")
		before := slices.Clone(args)
		if got := strings.Join(ui.Expand(root, forms, args), " "); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
		if !slices.Equal(args, before) {
			t.Errorf("%q: the arguments themselves became %q", in, args)
		}
	}
}
