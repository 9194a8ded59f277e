package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"moss/internal/system"
	"moss/internal/ui"
)

func newStateVerifyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify [ID ...]",
		Short: "Compare states, the store and the boot files with what was recorded of them",
		Long: `Verify reads every file: content, kind, mode, owner, link text, extended
attributes, files that are missing and files that do not belong there; and without
an ID also the store, the database and the boot menu. It changes nothing.

With --repair it looks at everything, because states share files, and mends what it
can: from the store, from other states, from downloads, then from repositories.
A damaged file is replaced, never written to. What does not belong into a state is
moved to /.moss/lost+found. A state that cannot be mended is marked bad and leaves
the boot menu, until a later repair finds it whole.

` + system.ExitCodes,
		Example:           "  moss state verify 3\n  moss state verify --repair",
		ValidArgsFunction: completeStates,
	}
	fix := cmd.Flags().Bool("repair", false, "mend what is damaged")
	menu := menuFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ids, err := stateNumbers(args)
		if err != nil {
			return err
		}
		if *fix && len(ids) > 0 {
			return ui.Usagef("verify --repair takes no state: it looks at all, because they share files")
		}
		opt := menu(cmd)
		bars, done := progressBars(cmd)
		opt.Progress = bars
		var found []system.Finding
		if *fix {
			found, err = system.Repair(cmd.Context(), opt)
		} else {
			found, err = system.Verify(cmd.Context(), opt, ids)
		}
		done()
		return reportFindings(ui.Read(cmd), found, err)
	}
	return cmd
}

// reportFindings prints what was found and hands damage on as the error.
func reportFindings(s ui.Settings, found []system.Finding, err error) error {
	if err != nil && system.ExitCode(err) != system.ExitDamage {
		return err
	}
	if s.JSON {
		return errors.Join(ui.JSON(s.Out, found), err)
	}
	for _, f := range found {
		end := ""
		if f.Repaired {
			end = " (repaired)"
		}
		fmt.Fprintln(s.Out, ui.Printable(f.String())+end)
	}
	if len(found) == 0 && !s.Quiet {
		fmt.Fprintln(s.Out, "everything is as it was recorded")
	}
	return err
}
