package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"moss/internal/system"
	"moss/internal/ui"
)

// transactionFlags adds what every verb that makes a state takes, and returns
// how to read it once the command line is parsed.
func transactionFlags(cmd *cobra.Command) func(*cobra.Command) system.Options {
	flags := cmd.Flags()
	dry := flags.Bool("dry-run", false, "say what would change, and change nothing but what is cached in the store")
	next := flags.Bool("next-boot", false, "make the state current at the next boot, not now; a second such change is built on it")
	force := flags.Bool("force", false, "make the state even if it would not boot or lacks dependencies")
	comment := flags.String("comment", "", "`TEXT` to remember the state by")
	triggers := noTriggersFlag(cmd)
	menu := menuFlags(cmd)
	return func(cmd *cobra.Command) system.Options {
		opt := menu(cmd)
		opt.DryRun, opt.NextBoot, opt.Force, opt.Comment, opt.NoTriggers = *dry, *next, *force, *comment, *triggers
		return opt
	}
}

func noTriggersFlag(cmd *cobra.Command) *bool {
	return cmd.Flags().Bool("no-triggers", false, "run no triggers; those of the system stay pending until: moss trigger run --pending")
}

// menuFlags adds what every verb that may write the boot menu takes.
func menuFlags(cmd *cobra.Command) func(*cobra.Command) system.Options {
	noBoot := cmd.Flags().Bool("no-boot", false, "leave the boot menu alone")
	esp := cmd.Flags().String("esp", "", "the `DIR` where $BOOT (ESP or XBOOTLDR) is mounted; found by itself if not given")
	write := writeFlags(cmd)
	return func(cmd *cobra.Command) system.Options {
		opt := write(cmd)
		opt.ESP, opt.NoBoot = *esp, *noBoot
		return opt
	}
}

// writeFlags adds what every verb that writes to the store takes.
func writeFlags(cmd *cobra.Command) func(*cobra.Command) system.Options {
	wait := cmd.Flags().Bool("wait", false, "wait while another process changes the same root, instead of giving up")
	return func(cmd *cobra.Command) system.Options {
		s := ui.Read(cmd)
		return system.Options{Root: s.Root, Wait: *wait, Command: cmd.CommandPath(), Now: time.Now(), Log: logger(s)}
	}
}

func logger(s ui.Settings) func(string) { return ui.Logger(s, "moss") }

func transact(cmd *cobra.Command, options func(*cobra.Command) system.Options, change system.Change) error {
	s, opt := ui.Read(cmd), options(cmd)
	bars, done := progressBars(cmd)
	behind := s
	behind.Err = bars // a line written past the bars would be drawn over
	opt.Log, opt.Progress, opt.Agree = logger(behind), bars, agree(s, bars)
	result, err := system.Transact(cmd.Context(), opt, change)
	done()
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

// agree asks before a change when somebody sits at the terminal.
func agree(s ui.Settings, bars *reporter) func(system.Result) (bool, error) {
	if s.JSON || s.Quiet {
		return nil
	}
	return func(r system.Result) (bool, error) {
		if len(r.Added)+len(r.Removed)+len(r.Changed) == 0 {
			return true, nil
		}
		defer bars.Pause()()
		question := fmt.Sprintf("install %d, remove %d, update %d packages, fetch %s: go on?", len(r.Added), len(r.Removed), len(r.Changed), ui.Bytes(r.Download))
		return ui.Confirm(s, question)
	}
}

func report(s ui.Settings, opt system.Options, r system.Result) {
	for _, name := range r.Added {
		fmt.Fprintln(s.Out, "  + "+ui.Printable(name))
	}
	for _, name := range r.Removed {
		fmt.Fprintln(s.Out, "  - "+ui.Printable(name))
	}
	for _, name := range r.Changed {
		fmt.Fprintln(s.Out, "  ~ "+ui.Printable(name))
	}
	for _, note := range r.Notes {
		fmt.Fprintln(s.Err, "moss: note: "+ui.Printable(note))
	}
	switch {
	case r.Unchanged:
		fmt.Fprintf(s.Out, "nothing to do: state %d is what was asked for\n", r.ID)
	case opt.DryRun:
		reportDryRun(s, r)
	default:
		reportState(s, opt, r)
	}
}

func reportDryRun(s ui.Settings, r system.Result) {
	fmt.Fprintf(s.Out, "would make a state of %d paths: %d added, %d removed, %d changed\n", r.Paths, r.Changes.Added, r.Changes.Removed, r.Changes.Changed)
	fmt.Fprintf(s.Out, "root: %s to fetch, %d new contents (%s), %s at the peak\n", ui.Bytes(r.Download), r.Files, ui.Bytes(r.Bytes), ui.Bytes(int64(r.Space)))
	if r.Menu != nil {
		fmt.Fprintf(s.Out, "$BOOT: %d changes, %s at the peak, %s free\n", len(r.Menu.Steps), ui.Bytes(int64(r.Menu.Need)), ui.Bytes(int64(r.Menu.Have)))
	}
	fmt.Fprintln(s.Out, "nothing was changed; what was fetched and unpacked for this stays in the store until: moss state prune")
}

func reportState(s ui.Settings, opt system.Options, r system.Result) {
	when := "now"
	if opt.NextBoot {
		when = "at the next boot"
	}
	fmt.Fprintf(s.Out, "state %d is current %s: %d paths, %d new files (%s) in the store; %s\n",
		r.ID, when, r.Paths, r.Files, ui.Bytes(r.Bytes), r.Boot)
	sayReboot(s, r.Reboot)
}

// sayReboot tells what the running system cannot take up by itself.
func sayReboot(s ui.Settings, reasons []string) {
	if len(reasons) > 0 {
		fmt.Fprintf(s.Out, "restart the machine: %s changed\n", strings.Join(reasons, ", "))
	}
}
