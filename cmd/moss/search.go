package main

import (
	"github.com/spf13/cobra"

	"moss/internal/system"
	"moss/internal/ui"
)

func newSearchCommand() *cobra.Command {
	var what system.Search
	var kind string
	cmd := &cobra.Command{
		Use:   "search WORD ...",
		Short: "Look for packages by name and summary, by what they provide, or by file (short: sr)",
		Long: `Search looks through the live state and the indexes as they were last fetched for
packages that have every WORD in their name or summary, in small or capital
letters; the best matches come first. With --provides it looks among capabilities,
with --files among the paths of the live state: what other packages hold is not
known before they are fetched. No match is an empty answer, not an error.

` + system.ExitCodes,
		Example: `  moss search text editor
  moss search --provides=soname libz
  moss search --files bin/ed`,
		Args: ui.Arguments(cobra.MinimumNArgs(1)),
	}
	flags := cmd.Flags()
	flags.BoolVarP(&what.Installed, "installed", "i", false, "only packages of the live state")
	flags.StringVarP(&kind, "provides", "p", "", "among what packages provide; only of this `KIND` if one is given: name, soname, binary ...")
	flags.Lookup("provides").NoOptDefVal = everyKind
	flags.BoolVar(&what.Files, "files", false, "among the paths of the live state")
	cmd.MarkFlagsMutuallyExclusive("provides", "files")
	_ = cmd.RegisterFlagCompletionFunc("provides", cobra.FixedCompletions(providerKinds(), cobra.ShellCompDirectiveNoFileComp)) // the flag is there
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		what.Words, what.Provides = args, cmd.Flags().Changed("provides")
		if kind != everyKind {
			what.Kind = kind
		}
		return search(cmd, what)
	}
	return cmd
}

// everyKind is what --provides means without a value.
const everyKind = "any"

func providerKinds() []string {
	return []string{everyKind, "name", "soname", "pkgconfig", "interpreter", "cmake", "python", "binary", "sysbinary", "pkgconfig32"}
}

func search(cmd *cobra.Command, what system.Search) error {
	s := ui.Read(cmd)
	found, err := system.Find(view(cmd), what)
	if err != nil {
		return err
	}
	if s.JSON {
		return ui.JSON(s.Out, found)
	}
	if len(found) == 0 {
		remark(s, "nothing matches")
	}
	header, last := []string{"NAME", "BUILD", "INSTALLED", "SUMMARY"}, func(f system.Found) string { return f.Summary }
	if what.Provides {
		header[3], last = "PROVIDES", func(f system.Found) string { return f.Match }
	}
	rows := make([][]string, 0, len(found))
	for _, f := range found {
		row := []string{f.Name, f.Build(), installedMark(f.Listed), last(f)}
		if what.Files {
			row = []string{nameOr(f.Name, "-"), f.Match}
		}
		rows = append(rows, row)
	}
	if what.Files {
		header = []string{"NAME", "PATH"}
	}
	return ui.Table(s.Out, header, rows)
}

func nameOr(name, other string) string {
	if name == "" {
		return other
	}
	return name
}
