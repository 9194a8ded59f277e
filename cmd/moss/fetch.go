package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"moss/internal/system"
	"moss/internal/ui"
)

func newFetchCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:     "fetch NAME|kind(name) ...",
		Aliases: []string{"fe"},
		Short:   "Download packages without installing them",
		Long: `Fetch downloads the best build of each package that the repositories have, and
proves its size and hash against the index before it gets its name. An
interrupted download goes on where it stopped. No lock is taken.

` + system.ExitCodes,
		Example: "  moss fetch nano -o /tmp",
		Args:    ui.Arguments(cobra.MinimumNArgs(1)),
	}
	cmd.Flags().StringVarP(&dir, "output", "o", ".", "download into `DIR`, which is made if it is not there")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		opt, s := view(cmd), ui.Read(cmd)
		bars, done := progressBars(cmd)
		opt.Progress = bars
		all, err := system.Fetch(cmd.Context(), opt, args, dir)
		done()
		if err != nil {
			return err
		}
		if s.JSON {
			return ui.JSON(s.Out, all)
		}
		if s.Quiet {
			return nil
		}
		for _, one := range all {
			fmt.Fprintf(s.Out, "%s, %s, from %s\n", ui.Printable(one.File), ui.Bytes(one.Size), ui.Printable(one.Repo))
		}
		return nil
	}
	return cmd
}
