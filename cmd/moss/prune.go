package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"moss/internal/system"
	"moss/internal/ui"
	"moss/store/activate"
)

func newStateRemoveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "remove ID|A-B ...",
		Short: "Remove states and what only they needed",
		Long: `Remove takes states out of the boot menu, deletes their trees, and then all that
no other state needs: contents, records, downloads. A range takes the states in it
that exist. The live state, the booted one, the menu's default, the one chosen for
the next boot and pinned ones are refused, and then nothing is removed.

` + system.ExitCodes,
		Example:           "  moss state remove 3 7-12 --dry-run",
		Args:              ui.Arguments(cobra.MinimumNArgs(1)),
		ValidArgsFunction: completeStates,
	}
	dry := cmd.Flags().Bool("dry-run", false, "say what would be removed and about how much that frees, and change nothing")
	menu := menuFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		opt := menu(cmd)
		opt.DryRun = *dry
		ids, err := stateRanges(opt, args)
		if err != nil {
			return err
		}
		done, err := system.RemoveStates(cmd.Context(), opt, ids)
		return reportPruned(ui.Read(cmd), done, err)
	}
	return cmd
}

func newStatePruneCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Remove old states and everything that no state needs",
		Long: `Prune keeps the states that the policy in /etc/moss/moss.yaml keeps, and removes
the others: keep: {states: 10, age: 30d} keeps the ten newest and whatever is younger
than thirty days. Without the file the ten newest are kept. With --keep or
--older-than only what is given here counts. The live state, the booted one, the
menu's default, the one chosen for the next boot and pinned ones always stay.

Then it removes contents, records and downloads that nothing needs, and folders in
/.moss/root that are no states.

` + system.ExitCodes,
		Example: "  moss state prune --keep 5 --dry-run",
		Args:    ui.Arguments(cobra.NoArgs),
	}
	dry := cmd.Flags().Bool("dry-run", false, "say what would be removed and about how much that frees, and change nothing")
	keep := cmd.Flags().Uint("keep", 0, "keep the `N` newest states")
	age := cmd.Flags().String("older-than", "", "remove only states older than `AGE`: a number and h, d or w")
	menu := menuFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		opt := menu(cmd)
		opt.DryRun = *dry
		p, err := policy(cmd, opt.Root, *keep, *age)
		if err != nil {
			return err
		}
		if yes, err := agreeToPrune(cmd, opt, p); err != nil {
			return err
		} else if !yes {
			return system.Declined()
		}
		done, err := system.Prune(cmd.Context(), opt, p)
		return reportPruned(ui.Read(cmd), done, err)
	}
	return cmd
}

// policy is that of the flags, or the administrator's when none is given.
func policy(cmd *cobra.Command, root string, keep uint, age string) (p system.Policy, err error) {
	if !cmd.Flags().Changed("keep") && age == "" {
		return system.ReadPolicy(root)
	}
	if cmd.Flags().Changed("keep") && keep == 0 {
		return p, ui.Usagef("--keep 0: keep at least one state")
	}
	p.States = int(min(keep, 1<<30))
	if age != "" {
		if p.Age, err = system.ParseAge(age); err != nil {
			return p, &ui.UsageError{Err: err, Advice: "for example: --older-than 30d"}
		}
	}
	return p, nil
}

// agreeToPrune asks a person before states go that nobody named.
func agreeToPrune(cmd *cobra.Command, opt system.Options, p system.Policy) (bool, error) {
	s := ui.Read(cmd)
	if opt.DryRun || s.Yes || s.JSON || !ui.IsTerminal(s.In) {
		return true, nil
	}
	dry := opt
	dry.DryRun = true
	would, err := system.Prune(cmd.Context(), dry, p)
	if err != nil || len(would.States)+len(would.Orphans) == 0 {
		return true, err
	}
	return ui.Confirm(s, fmt.Sprintf("remove %s, about %s?", amount(would), ui.Bytes(would.Bytes)))
}

// stateRanges reads single numbers and ranges; of a range, the states that exist.
func stateRanges(opt system.Options, args []string) ([]activate.ID, error) {
	var ids []activate.ID
	seen := map[activate.ID]bool{}
	add := func(id activate.ID) {
		if !seen[id] {
			ids = append(ids, id)
		}
		seen[id] = true
	}
	for _, arg := range args {
		first, last, isRange := strings.Cut(arg, "-")
		if !isRange {
			last = first
		}
		ends, err := stateNumbers([]string{first, last})
		if err != nil {
			return nil, err
		}
		if !isRange {
			add(ends[0])
			continue
		}
		inside, err := system.StatesBetween(opt.Root, ends[0], ends[1])
		if err != nil {
			return nil, err
		}
		for _, id := range inside {
			add(id)
		}
	}
	return ids, nil
}

func stateNumbers(args []string) ([]activate.ID, error) {
	var ids []activate.ID
	for _, arg := range args {
		id, err := activate.ParseID(arg)
		if err != nil {
			return nil, &ui.UsageError{Err: err, Advice: "see: moss state list"}
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func reportPruned(s ui.Settings, done system.Pruned, err error) error {
	if err != nil && system.ExitCode(err) != system.ExitLate {
		return err
	}
	if s.JSON {
		return errors.Join(err, ui.JSON(s.Out, done))
	}
	if s.Quiet {
		return err
	}
	verb := "removed"
	if done.DryRun {
		verb = "would remove"
	}
	for _, folder := range done.Orphans {
		fmt.Fprintf(s.Out, "%s /.moss/%s\n", verb, ui.Printable(folder))
	}
	fmt.Fprintf(s.Out, "%s %s: %s", verb, amount(done), ui.Bytes(done.Bytes))
	if done.Boot != "" {
		fmt.Fprintf(s.Out, "; %s", done.Boot)
	}
	fmt.Fprintln(s.Out)
	return err
}

// amount says in words how much goes.
func amount(p system.Pruned) string {
	var ids []string
	for _, id := range p.States {
		ids = append(ids, id.String())
	}
	states := "no state"
	if len(ids) > 0 {
		states = "state " + strings.Join(ids, ", ")
	}
	return fmt.Sprintf("%s, %d contents, %d packages, %d downloads, %d orphaned folders", states, p.Contents, p.Packages, p.Stones, len(p.Orphans))
}
