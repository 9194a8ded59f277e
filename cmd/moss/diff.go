package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"moss/internal/system"
	"moss/internal/ui"
)

func newStateDiffCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "diff A B",
		Short:   "Say what state B has that state A has not, and the other way round",
		Example: "  moss state diff 1 2 --files",
		Args:    ui.Arguments(cobra.ExactArgs(2)),
	}
	files := cmd.Flags().Bool("files", false, "list paths too, not only packages")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		s := ui.Read(cmd)
		from, err := stateArgument(s.Root, args[:1])
		if err != nil {
			return err
		}
		to, err := stateArgument(s.Root, args[1:])
		if err != nil {
			return err
		}
		d, err := system.Compare(s.Root, from, to)
		if err != nil {
			return err
		}
		if s.JSON {
			return ui.JSON(s.Out, d)
		}
		printDiff(s, d, *files)
		return nil
	}
	return cmd
}

func printDiff(s ui.Settings, d system.Diff, files bool) {
	printChanges(s, "", d.Packages)
	if files {
		printChanges(s, "/usr/", d.Files)
	}
	fmt.Fprintf(s.Out, "packages: %s\nfiles:    %s\n", tally(d.Packages), tally(d.Files))
}

func tally(c system.Changes) string {
	return fmt.Sprintf("%d added, %d removed, %d changed", len(c.Added), len(c.Removed), len(c.Changed))
}

func printChanges(s ui.Settings, prefix string, c system.Changes) {
	for _, part := range []struct {
		sign  string
		names []string
	}{{"+", c.Added}, {"-", c.Removed}, {"~", c.Changed}} {
		for _, name := range part.names {
			fmt.Fprintln(s.Out, part.sign, prefix+ui.Printable(name))
		}
	}
}
