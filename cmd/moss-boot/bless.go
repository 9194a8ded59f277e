package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"moss/internal/system"
	"moss/internal/ui"
	"moss/store/activate"
)

func newBlessCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bless [good|bad] [STATE]",
		Short: "Say whether the booted state, or another, works",
		Long: `Bless good ends the counting of a boot entry: the state works, and nobody tries it
only three times any more. Without a number it is the entry that this machine was
booted from; moss-bless.service does that at the end of every boot that reaches
boot-complete.target. Bless bad leaves the state no tries, so that the loader
takes another one; a default that named it is taken back.

It works without EFI variables. Where $BOOT cannot be written the record on the
root is made all the same.

` + system.ExitCodes,
		Example:           "  moss-boot bless\n  moss-boot bless bad 7 --reason \"no sound\"",
		Args:              ui.Arguments(cobra.MaximumNArgs(2)),
		ValidArgsFunction: completeBless,
	}
	esp := espFlag(cmd)
	reason := cmd.Flags().String("reason", "", "why it is bad, in `WORDS` that status shows")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		good, id, err := blessArguments(args)
		if err == nil && good && *reason != "" {
			err = ui.Usagef("bless: --reason goes with bad")
		}
		if err != nil {
			return err
		}
		opt := options(cmd, *esp)
		opt.Comment = *reason
		done, err := system.Bless(cmd.Context(), opt, good, id)
		if err != nil && system.ExitCode(err) != system.ExitLate {
			return err
		}
		return errors.Join(err, reportBlessed(ui.Read(cmd), done))
	}
	return cmd
}

// blessArguments: a number alone is a state that works; nothing at all is the
// booted one.
func blessArguments(args []string) (good bool, id activate.ID, err error) {
	good = true
	if len(args) > 0 && (args[0] == "good" || args[0] == "bad") {
		good, args = args[0] == "good", args[1:]
	}
	switch len(args) {
	case 0:
		return good, 0, nil
	case 1:
		id, err = stateNumber(args[0])
		return good, id, err
	}
	return false, 0, ui.Usagef("bless: %q is neither good nor bad", args[0])
}

func reportBlessed(s ui.Settings, done system.Blessed) error {
	if s.JSON {
		return ui.JSON(s.Out, done)
	}
	if s.Quiet {
		return nil
	}
	word := "good"
	if !done.Good {
		word = "bad"
	}
	fmt.Fprintf(s.Out, "state %d is %s\n", done.State, word)
	for _, b := range done.Failed {
		fmt.Fprintf(s.Out, "state %d has failed: %s\n", b.State, b.Reason)
	}
	for _, line := range done.Notes {
		fmt.Fprintln(s.Out, "note: "+line)
	}
	if done.Next != "" {
		fmt.Fprintln(s.Out, "the loader will start "+done.Next)
	}
	return nil
}

func completeBless(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) == 1 && (args[0] == "good" || args[0] == "bad") {
		return completeStates(cmd, nil, prefix)
	}
	all, how := completeStates(cmd, args, prefix)
	if len(args) == 0 {
		all = append([]cobra.Completion{"good", "bad"}, all...)
	}
	return all, how
}
