package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"moss/internal/system"
	"moss/internal/ui"
)

func newStatusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Say what is live, what boots next, and what needs attention",
		Long: `Status shows the live, the booted and the default state, whether the machine
should be restarted, and warns of unsigned repositories, bad states and triggers
that have yet to run. It takes no lock.

` + system.ExitCodes,
		Example: "  moss status --json",
		Args:    ui.Arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s := ui.Read(cmd)
			st, err := system.ReadStatus(view(cmd))
			if err != nil {
				return err
			}
			if s.JSON {
				return ui.JSON(s.Out, st)
			}
			return showStatus(s, st)
		},
	}
}

func showStatus(s ui.Settings, st system.Status) error {
	restart := "no"
	if len(st.Reboot) > 0 {
		restart = "yes: " + strings.Join(st.Reboot, ", ") + " changed since the boot"
	}
	known := func(id fmt.Stringer) string {
		if id.String() == "0" {
			return "not known"
		}
		return "state " + id.String()
	}
	rows := [][]string{
		{"booted", known(st.Booted)}, {"default", known(st.Default)}, {"states", fmt.Sprint(st.States)}, {"restart needed", restart},
	}
	if err := ui.Table(s.Out, []string{"live", known(st.Active)}, rows); err != nil {
		return err
	}
	for _, line := range st.Warnings {
		fmt.Fprintln(s.Out, "warning: "+ui.Printable(line))
	}
	return nil
}
