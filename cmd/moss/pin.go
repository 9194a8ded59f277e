package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"moss/internal/system"
	"moss/internal/ui"
)

func newStatePinCommand() *cobra.Command {
	return pinCommand(true, &cobra.Command{
		Use:   "pin ID ...",
		Short: "Keep states from being removed, and in the boot menu",
		Long: `Pin marks states that neither prune nor remove takes away, and that stay in the
boot menu beyond the newest.

` + system.ExitCodes,
		Example: "  moss state pin 3",
	})
}

func newStateUnpinCommand() *cobra.Command {
	return pinCommand(false, &cobra.Command{
		Use:   "unpin ID ...",
		Short: "Allow states to be removed again",
		Long: `Unpin takes back what pin did.

` + system.ExitCodes,
		Example: "  moss state unpin 3",
	})
}

func pinCommand(pinned bool, cmd *cobra.Command) *cobra.Command {
	cmd.Args = ui.Arguments(cobra.MinimumNArgs(1))
	cmd.ValidArgsFunction = completeStates
	menu := menuFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ids, err := stateNumbers(args)
		if err != nil {
			return err
		}
		done, err := system.Pin(cmd.Context(), menu(cmd), ids, pinned)
		if err != nil && system.ExitCode(err) != system.ExitLate {
			return err
		}
		s := ui.Read(cmd)
		if s.JSON {
			return errors.Join(err, ui.JSON(s.Out, done))
		}
		for _, id := range done.States {
			if s.Quiet {
				break
			}
			verb := "is pinned"
			if !pinned {
				verb = "is not pinned any more"
			}
			fmt.Fprintf(s.Out, "state %d %s\n", id, verb)
		}
		return err
	}
	return cmd
}
