package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"moss/internal/system"
	"moss/internal/ui"
)

func newInstallCommand() *cobra.Command {
	var without []string
	cmd := &cobra.Command{
		Use:     "install FILE.stone ...",
		Aliases: []string{"it"},
		Short:   "Make a new state: the current selection and these packages",
		Long: `Install unpacks stone files into the store, makes a new state of the current
selection and them, writes its boot entry and makes it the live /usr. A package
of the same name is replaced.

` + system.ExitCodes,
		Example: "  moss install nano-7.2-1-1-x86_64.stone --comment 'an editor'",
		Args:    ui.Arguments(cobra.MinimumNArgs(1)),
	}
	cmd.Flags().StringSliceVar(&without, "without", nil, "take these `NAMES` away in the same transaction")
	options := transactionFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return transact(cmd, options(cmd), system.Change{Stones: args, Remove: without})
	}
	return cmd
}

func newRemoveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "remove NAME ...",
		Aliases: []string{"rm"},
		Short:   "Make a new state without these packages and what only they needed",
		Long: `Remove makes a new state of the current selection without the named packages
and without those that nothing else needs and nobody asked for. What another
package needs is not removed unless --force is given.

` + system.ExitCodes,
		Example: "  moss remove nano",
		Args:    ui.Arguments(cobra.MinimumNArgs(1)),
	}
	options := transactionFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return transact(cmd, options(cmd), system.Change{Remove: args})
	}
	return cmd
}

// transactionFlags adds what every verb that makes a state takes, and returns
// how to read it once the command line is parsed.
func transactionFlags(cmd *cobra.Command) func(*cobra.Command) system.Options {
	flags := cmd.Flags()
	dry := flags.Bool("dry-run", false, "say what would change, and change nothing")
	next := flags.Bool("next-boot", false, "make the state current at the next boot, not now")
	force := flags.Bool("force", false, "make the state even if it would not boot or lacks dependencies")
	comment := flags.String("comment", "", "`TEXT` to remember the state by")
	menu := menuFlags(cmd)
	return func(cmd *cobra.Command) system.Options {
		opt := menu(cmd)
		opt.DryRun, opt.NextBoot, opt.Force, opt.Comment = *dry, *next, *force, *comment
		return opt
	}
}

// menuFlags adds what every verb that may write the boot menu takes.
func menuFlags(cmd *cobra.Command) func(*cobra.Command) system.Options {
	noBoot := cmd.Flags().Bool("no-boot", false, "leave the boot menu alone")
	esp := cmd.Flags().String("esp", "", "the `DIR` where $BOOT (ESP or XBOOTLDR) is mounted; found by itself if not given")
	return func(cmd *cobra.Command) system.Options {
		s := ui.Read(cmd)
		return system.Options{Root: s.Root, ESP: *esp, NoBoot: *noBoot, Command: cmd.CommandPath(),
			Now: time.Now(), Log: logger(s)}
	}
}

func logger(s ui.Settings) func(string) {
	return func(line string) {
		warning := strings.HasPrefix(line, "warning: ") || strings.HasPrefix(line, "recovered: ")
		if s.Verbose || warning && !s.Quiet {
			fmt.Fprintln(s.Err, "moss: "+line)
		}
	}
}

func transact(cmd *cobra.Command, opt system.Options, change system.Change) error {
	s := ui.Read(cmd)
	result, err := system.Transact(cmd.Context(), opt, change)
	if err != nil && system.ExitCode(err) != system.ExitLate {
		return err
	}
	if s.JSON {
		if jsonErr := ui.JSON(s.Out, result); jsonErr != nil {
			return jsonErr
		}
	} else if !s.Quiet {
		report(s, opt, result)
	}
	return err
}

func report(s ui.Settings, opt system.Options, r system.Result) {
	for _, name := range r.Added {
		fmt.Fprintln(s.Out, "  + "+name)
	}
	for _, name := range r.Removed {
		fmt.Fprintln(s.Out, "  - "+name)
	}
	if opt.DryRun {
		fmt.Fprintf(s.Out, "would make a state of %d paths; nothing was changed but the store (%d files, %s)\n", r.Paths, r.Files, ui.Bytes(r.Bytes))
		return
	}
	when := "now"
	if opt.NextBoot {
		when = "at the next boot"
	}
	fmt.Fprintf(s.Out, "state %d is current %s: %d paths, %d new files (%s) in the store; %s\n",
		r.ID, when, r.Paths, r.Files, ui.Bytes(r.Bytes), r.Boot)
}
