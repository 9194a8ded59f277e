package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"moss/internal/system"
	"moss/internal/ui"
)

func newStateExportCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export [ID]",
		Short: "Write the selection of a state as a file",
		Long: `Export writes what a state was made of: the names that were asked for and what came
along, versions, builds and repositories. moss sync --import brings this or another
machine to that selection. Without an ID it is that of the live state.

` + system.ExitCodes,
		Example:           "  moss state export 3 -o laptop.yaml",
		Args:              ui.Arguments(cobra.MaximumNArgs(1)),
		ValidArgsFunction: one(completeStates),
	}
	output := cmd.Flags().StringP("output", "o", "", "write to `FILE` instead of standard output")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		s := ui.Read(cmd)
		id, err := stateArgument(s.Root, args)
		if err != nil {
			return err
		}
		selection, err := system.Export(s.Root, id)
		if err != nil {
			return err
		}
		if s.JSON && *output == "" {
			return ui.JSON(s.Out, selection)
		}
		if *output != "" {
			return selection.Save(*output)
		}
		text, err := selection.YAML()
		if err != nil {
			return err
		}
		_, err = fmt.Fprint(s.Out, string(text))
		return err
	}
	return cmd
}
