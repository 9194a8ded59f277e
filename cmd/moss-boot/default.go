package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"moss/bootloader/efivar"
	"moss/internal/system"
	"moss/internal/ui"
	"moss/store/activate"
)

// vars are the EFI variables in the folder that MOSS_EFIVARS names, for tests;
// nil leaves the choice to the root.
func vars() efivar.Vars {
	dir := os.Getenv("MOSS_EFIVARS")
	if dir == "" {
		return nil
	}
	found, err := efivar.Open(dir)
	if err != nil {
		return nil
	}
	return found
}

// choosing are the two things that a choice can do.
type choosing struct {
	set   func(context.Context, system.Options, activate.ID) (system.Chosen, error)
	clear func(context.Context, system.Options) (system.Chosen, error)
}

func newSetDefaultCommand() *cobra.Command {
	return choiceCommand(choosing{system.SetDefault, system.ClearDefault}, &cobra.Command{
		Use:   "set-default STATE|--clear",
		Short: "Choose the state that the loader starts by itself",
		Long: `Set-default makes a state the first of the boot menu, from the next boot on until
another is chosen or becomes live. It stays first only while it works: once its
tries are used up the loader takes the next one. With --clear the newest state is
first again, and what was chosen in the loader's own menu is taken back.

It works without EFI variables. A state that would not boot or that failed is
refused; --force gives it another chance, with as many tries as a new state has.

` + system.ExitCodes,
		Example: "  moss-boot set-default 3\n  moss-boot set-default --clear",
	})
}

func newSetOneShotCommand() *cobra.Command {
	return choiceCommand(choosing{system.SetOneShot, system.ClearOneShot}, &cobra.Command{
		Use:   "set-oneshot STATE|--clear",
		Short: "Choose the state of the next boot only",
		Long: `Set-oneshot makes the loader start a state at the next boot, and after that what
it starts always. It needs EFI variables; without them, or when the firmware
cannot store one, it is refused and nothing is changed.

` + system.ExitCodes,
		Example: "  moss-boot set-oneshot 2\n  moss-boot set-oneshot --clear",
	})
}

func choiceCommand(verb choosing, cmd *cobra.Command) *cobra.Command {
	cmd.Args = ui.Arguments(cobra.MaximumNArgs(1))
	cmd.ValidArgsFunction = completeStates
	esp := espFlag(cmd)
	clear := cmd.Flags().Bool("clear", false, "take the choice back")
	force := cmd.Flags().Bool("force", false, "choose it even if it would not boot or has failed")
	wait := cmd.Flags().Bool("wait", false, "wait while another process changes the same root, instead of giving up")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *clear == (len(args) == 1) {
			return ui.Usagef("%s: want a state, or --clear", cmd.Name())
		}
		opt := options(cmd, *esp)
		opt.Force, opt.Wait = *force, *wait
		var done system.Chosen
		var err error
		if *clear {
			done, err = verb.clear(cmd.Context(), opt)
		} else {
			var id activate.ID
			if id, err = stateNumber(args[0]); err == nil {
				done, err = verb.set(cmd.Context(), opt, id)
			}
		}
		if err != nil {
			return err
		}
		return reportChoice(ui.Read(cmd), done)
	}
	return cmd
}

func stateNumber(text string) (activate.ID, error) {
	id, err := activate.ParseID(text)
	if err != nil {
		return 0, ui.Usagef("%q is no number of a state", text)
	}
	return id, nil
}

func reportChoice(s ui.Settings, done system.Chosen) error {
	switch {
	case s.JSON:
		return ui.JSON(s.Out, done)
	case !s.Quiet:
		fmt.Fprintln(s.Out, "the loader will start "+done.Next.Text)
	}
	return nil
}
