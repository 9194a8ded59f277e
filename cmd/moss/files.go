package main

import (
	"bufio"

	"github.com/spf13/cobra"

	"moss/internal/system"
	"moss/internal/ui"
)

func newFilesCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "files NAME",
		Short: "List the files of an installed package",
		Long: `Files lists every path that a package brought into the live state, with the
folders that it names itself.

` + system.ExitCodes,
		Example:           "  moss files nano",
		Args:              ui.Arguments(cobra.ExactArgs(1)),
		ValidArgsFunction: one(completeInstalled),
		RunE: func(cmd *cobra.Command, args []string) error {
			s := ui.Read(cmd)
			all, err := system.PackageFiles(s.Root, args[0])
			if err != nil {
				return err
			}
			if s.JSON {
				return ui.JSON(s.Out, all)
			}
			out := bufio.NewWriter(s.Out)
			for _, f := range all {
				out.WriteString(ui.Printable(f.Path) + "\n") // a failure comes up again at Flush
			}
			return out.Flush()
		},
	}
}
