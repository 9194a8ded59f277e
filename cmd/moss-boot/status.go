package main

import (
	"github.com/spf13/cobra"

	"moss/internal/system"
	"moss/internal/ui"
)

// newStatusCommand is "moss-boot status".
func newStatusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say how the machine boots, what starts next, and what needs attention",
		Long: `Status shows the firmware and Secure Boot, the loader that runs and those that are
installed, the boot partitions and their space, which state runs and why, which
one starts next and why, and whether the menu matches the states. Warnings come
last, the worst first, each with the command to type.

It takes no lock and changes nothing. What the caller may not read is said, and
the rest is shown. Files on $BOOT are looked at by their size; moss state verify
reads them. The exit code is 0 also when there are warnings.

` + system.ExitCodes,
		Example: "  moss-boot status\n  moss-boot status --json",
		Args:    ui.Arguments(cobra.NoArgs),
	}
	esp := espFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		status, err := system.ReadBootStatus(cmd.Context(), options(cmd, *esp))
		if err != nil {
			return err
		}
		s := ui.Read(cmd)
		if s.JSON {
			return ui.JSON(s.Out, status)
		}
		return showBoot(s, status)
	}
	return cmd
}
