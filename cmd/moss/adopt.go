package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"moss/internal/system"
	"moss/internal/ui"
)

func newAdoptCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "adopt",
		Short: "Take over an AerynOS installation with all its states",
		Long: `Adopt makes the states of an AerynOS installation states of this moss, under
their own numbers, without a download. Every content is proved against its hash
first; what is damaged is told, and its state is kept out of the boot menu until
moss state verify finds it whole.

Nothing of AerynOS is changed: it gets second names (hard links), its own moss and
its own boot entries work on. Only "default" in loader.conf moves to the new entry
of the live state. The early-boot images of adopted kernels are AerynOS' own: they
activate adopted states, but not states that are made later; for those, install a
kernel whose image has moss-init.

` + system.ExitCodes,
		Example: "  moss state adopt --dry-run\n  moss -D /mnt state adopt --no-boot",
		Args:    ui.Arguments(cobra.NoArgs),
	}
	dry := cmd.Flags().Bool("dry-run", false, "read and prove everything, say what would be taken over, and change nothing")
	menu := menuFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		opt := menu(cmd)
		opt.DryRun = *dry
		done, err := system.Adopt(cmd.Context(), opt)
		if err != nil && system.ExitCode(err) != system.ExitLate {
			return err
		}
		s := ui.Read(cmd)
		if s.JSON {
			if jsonErr := ui.JSON(s.Out, done); jsonErr != nil {
				return jsonErr
			}
		} else if !s.Quiet {
			reportAdopted(s, done, *dry)
		}
		return err
	}
	return cmd
}

// shownProblems is how many problems a person is shown; --json has all of them.
const shownProblems = 40

func reportAdopted(s ui.Settings, done system.Adopted, dry bool) {
	var rows [][]string
	for _, one := range done.States {
		bootable, damaged := "yes", "no"
		if one.Fault != "" {
			bootable = "no: " + one.Fault
		}
		if one.Damaged > 0 {
			damaged = fmt.Sprintf("%d paths", one.Damaged)
		}
		rows = append(rows, []string{one.ID.String(), one.Created.Format("2006-01-02 15:04"), ui.Mark(one.ID == done.Live),
			fmt.Sprint(one.Packages), fmt.Sprint(one.Paths), damaged, bootable, one.Summary})
	}
	_ = ui.Table(s.Out, []string{"STATE", "CREATED", "ACTIVE", "PACKAGES", "PATHS", "DAMAGED", "BOOTABLE", "SUMMARY"}, rows) // what follows would fail too
	reportProblems(s.Out, done)
	fmt.Fprintln(s.Out, done.Summary(dry))
}

func reportProblems(w io.Writer, done system.Adopted) {
	for i, one := range done.Problems {
		if i == shownProblems {
			fmt.Fprintf(w, "  and %d more; see --json\n", len(done.Problems)-i)
			return
		}
		where := "installation"
		if one.State != 0 {
			where = "state " + one.State.String()
		}
		if one.Path != "" {
			where += ", /usr/" + one.Path
		}
		fmt.Fprintf(w, "  %s: %s\n", where, one.What)
	}
}
