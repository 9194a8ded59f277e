package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"moss/internal/system"
	"moss/internal/ui"
)

func newTriggerCommand() *cobra.Command {
	return ui.Group("trigger", "List and run what packages want done after a change",
		newTriggerListCommand(), newTriggerRunCommand())
}

func newTriggerListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the triggers that have something to do in the live state, in their order",
		Long: `List shows, for the live state, the triggers of the transaction scope (they run
in a sandbox on a new state's tree before it is a state) and of the system scope
(they run on the live system after the change), with the commands they expand to.

` + system.ExitCodes,
		Example: "  moss trigger list",
		Args:    ui.Arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s := ui.Read(cmd)
			all, err := system.Triggers(view(cmd))
			if err != nil {
				return err
			}
			if s.JSON {
				return ui.JSON(s.Out, all)
			}
			return ui.Table(s.Out, []string{"SCOPE", "TRIGGER", "RUNS", "COMMAND"}, triggerRows(all))
		},
	}
}

func triggerRows(all []system.TriggerInfo) (rows [][]string) {
	for _, one := range all {
		runs := "yes"
		if one.Pure {
			runs = "if needed"
		}
		if one.Inhibited != "" {
			runs = "no: " + one.Inhibited
		}
		scope, name := string(one.Scope), one.Name
		for _, c := range one.Commands {
			rows = append(rows, []string{scope, name, runs, c.String()})
			scope, name, runs = "", "", ""
		}
	}
	return rows
}

func newTriggerRunCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the system triggers of the live state",
		Long: `Run runs every trigger of the system scope. One that fails does not keep the
others from running; the exit code is 4 then, and all of them stay pending until
they succeed. With --pending nothing is done unless they are: after a change with
--no-triggers or --next-boot, a power cut, or when early boot chose another state.

` + system.ExitCodes,
		Example: "  moss trigger run --pending",
		Args:    ui.Arguments(cobra.NoArgs),
	}
	pending := cmd.Flags().Bool("pending", false, "only if they have not all succeeded for the live state yet")
	write := writeFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s := ui.Read(cmd)
		opt := write(cmd)
		result, err := system.RunTriggers(cmd.Context(), opt, *pending)
		if err != nil && system.ExitCode(err) != system.ExitLate {
			return err
		}
		switch {
		case s.JSON:
			return errors.Join(ui.JSON(s.Out, result), err)
		case s.Quiet || err != nil:
		case len(result.Runs) == 0:
			fmt.Fprintf(s.Out, "state %d: no system trigger has anything to do\n", result.State)
		}
		if !s.Quiet {
			for _, one := range result.Runs {
				fmt.Fprintln(s.Out, one)
			}
		}
		return err
	}
	return cmd
}
