package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"moss/internal/system"
	"moss/internal/ui"
)

func newUsrMergeCommand() *cobra.Command {
	return ui.Group("usr-merge", "Move /bin, /sbin and /lib* into /usr, when this machine's turn has come",
		newUsrMergeStatusCommand(), newUsrMergePlanCommand(), newUsrMergeRunCommand(), newUsrMergeReadyCommand(), newUsrMergeRolloutCommand())
}

func newUsrMergeRunCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Merge now, if the gate is open",
		Long: `Run merges the top folders into /usr on the running system, as early boot does.
Every path works at every moment, and after a power cut the next run goes on.
What /usr has differently stays, and the other goes to the orphans folder.

The gate is open when the ready markers are there and this machine is inside the
rollout or opted in. A gate that is closed is said and is no error. With --force
neither is asked; what refuses a merge (a mount point or an immutable file inside,
a folder against a file, a configuration with a mistake) still does: exit code 3.
SIGINT and SIGTERM end it up to the moment when the first folder is exchanged.

With --boot, as moss-usr-merge.service runs it, nothing is said unless something is
merged or refused, and progress comes in lines.

` + system.ExitCodes,
		Example: "  moss usr-merge run",
		Args:    ui.Arguments(cobra.NoArgs),
	}
	force := cmd.Flags().Bool("force", false, "merge whatever rollout, ready markers and machine id say")
	boot := cmd.Flags().Bool("boot", false, "say nothing when there is nothing to do, and progress in lines")
	cmd.MarkFlagsMutuallyExclusive("force", "boot")
	write := writeFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s, opt := ui.Read(cmd), write(cmd)
		opt.Force = *force
		bars, done := progressBars(cmd)
		behind := s
		behind.Err = bars
		opt.Log, opt.Progress = logger(behind), bars
		if *boot {
			opt.Progress = &console{w: s.Err, now: time.Now}
		}
		out, err := system.RunUsrMerge(cmd.Context(), opt)
		done()
		if err != nil {
			return err
		}
		s.Quiet = s.Quiet || *boot && out.Result == nil
		if s.JSON {
			return ui.JSON(s.Out, out.Report)
		}
		sayUsrMerge(s, out)
		return nil
	}
	return cmd
}

func sayUsrMerge(s ui.Settings, out system.UsrMergeOutcome) {
	switch r := out.Report; {
	case s.Quiet:
	case out.Result == nil:
		before := "not merged: "
		if out.Decision.Merged {
			before = ""
		}
		fmt.Fprintln(s.Out, before+ui.Printable(r.Reason))
		if r.Hint != "" {
			fmt.Fprintln(s.Out, "  next: "+ui.Printable(r.Hint))
		}
	default:
		c := r.Counts
		fmt.Fprintf(s.Out, "merged and checked in %.1f s: %d linked, %d copied, %d folders carried whole, %d equal, %d links made anew\n",
			float64(r.DurationMS)/1000, c.Linked, c.Copied, c.Carried, c.Folded, c.Relinked)
		if c.Orphans > 0 {
			fmt.Fprintf(s.Out, "%d differed; what /usr has stayed, the others are in the orphans folder:\n", c.Orphans)
		}
		for _, one := range r.Orphans {
			fmt.Fprintf(s.Out, "  /%s -> /%s (%s)\n", ui.Printable(one.Path), ui.Printable(one.To), ui.Printable(one.Why))
		}
	}
	if out.Marked && !s.Quiet && out.Result == nil {
		fmt.Fprintln(s.Out, "checked, and the complete marker was written")
	}
	for _, note := range out.Report.Notes {
		fmt.Fprintln(s.Err, "moss: note: "+ui.Printable(note))
	}
}

func newUsrMergeReadyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ready",
		Short: "Say that this system is ready to be merged",
		Long: `Ready writes the usual ready marker, /var/lib/moss/usr-merge/ready; with --clear
it takes it away. A package manager that prepares a system does the same. Where
the configuration names other markers, those who own them make them.

` + system.ExitCodes,
		Example: "  moss usr-merge ready",
		Args:    ui.Arguments(cobra.NoArgs),
	}
	clear := cmd.Flags().Bool("clear", false, "take the marker away")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s, opt := ui.Read(cmd), writeOptions(cmd)
		marker, changed, err := system.SetUsrMergeReady(opt, !*clear)
		if err != nil {
			return err
		}
		if s.JSON {
			return ui.JSON(s.Out, map[string]any{"marker": marker, "ready": !*clear, "changed": changed})
		}
		switch {
		case *clear && changed:
			sayIf(s, "removed "+marker)
		case changed:
			sayIf(s, "made "+marker)
		default:
			sayIf(s, "nothing to change: "+marker+there(*clear))
		}
		return nil
	}
	return cmd
}

// writeOptions are for what is written outside the store.
func writeOptions(cmd *cobra.Command) system.Options {
	opt := view(cmd)
	opt.Now = time.Now()
	return opt
}
