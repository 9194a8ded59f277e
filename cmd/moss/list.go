package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"moss/internal/system"
	"moss/internal/ui"
)

func newListCommand() *cobra.Command {
	cmd := ui.Group("list", "List packages: installed, available, or what sync would change",
		newListInstalledCommand(), newListAvailableCommand(), newListUpgradesCommand())
	cmd.Long = `List answers from the live state and from the indexes as they were last fetched.
It takes no lock and works as an ordinary user.

` + system.ExitCodes
	cmd.Example = "  moss list installed --explicit"
	return cmd
}

func newListInstalledCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "installed",
		Short:   "List the packages of the live state (short: li)",
		Example: "  moss list installed --explicit --json",
		Args:    ui.Arguments(cobra.NoArgs),
	}
	explicit := cmd.Flags().BoolP("explicit", "e", false, "only those that a user asked for, not what came along")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s := ui.Read(cmd)
		all, err := system.InstalledPackages(s.Root)
		if err != nil {
			return err
		}
		shown := []system.Listed{}
		for _, p := range all {
			if p.Explicit || !*explicit {
				shown = append(shown, p)
			}
		}
		if s.JSON {
			return ui.JSON(s.Out, shown)
		}
		var rows [][]string
		for _, p := range shown {
			rows = append(rows, []string{p.Name, p.Build(), ui.Mark(p.Explicit), p.Repository, p.Summary})
		}
		return ui.Table(s.Out, []string{"NAME", "BUILD", "EXPLICIT", "REPOSITORY", "SUMMARY"}, rows)
	}
	return cmd
}

func newListAvailableCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "available",
		Short: "List the packages that the repositories have (short: la)",
		Long: `Available lists, for each name, the build of the repository of the highest
priority. INSTALLED is * when that very build is in the live state, or the build
that is.`,
		Example: "  moss list available",
		Args:    ui.Arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s := ui.Read(cmd)
			all, err := system.AvailablePackages(view(cmd))
			if err != nil {
				return err
			}
			if s.JSON {
				return ui.JSON(s.Out, all)
			}
			if len(all) == 0 {
				remark(s, "the repositories have no packages; see: moss repo list")
			}
			rows := make([][]string, 0, len(all))
			for _, p := range all {
				rows = append(rows, []string{p.Name, p.Build(), installedMark(p), p.Repository, p.Summary})
			}
			return ui.Table(s.Out, []string{"NAME", "BUILD", "INSTALLED", "REPOSITORY", "SUMMARY"}, rows)
		},
	}
}

// installedMark is "*" for the very build, or which other one is installed.
func installedMark(p system.Listed) string {
	if p.Installed == p.Build() {
		return ui.Mark(true)
	}
	return p.Installed
}

// remark tells a person what an empty answer means; scripts see the empty answer.
func remark(s ui.Settings, text string) {
	if !s.Quiet {
		fmt.Fprintln(s.Err, "moss: "+text)
	}
}

func newListUpgradesCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "upgrades",
		Short: "List what sync would change, with the indexes as they are (short: lu)",
		Long: `Upgrades lists the builds that sync would replace, add and remove. It does not
fetch the indexes: for that, run moss repo update before, or moss sync -u --dry-run.`,
		Example: "  moss list upgrades",
		Args:    ui.Arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s := ui.Read(cmd)
			all, notes, err := system.Upgrades(view(cmd))
			if err != nil {
				return err
			}
			if s.JSON {
				return ui.JSON(s.Out, all)
			}
			for _, note := range notes {
				remark(s, "note: "+ui.Printable(note))
			}
			if len(all) == 0 {
				remark(s, "nothing to do: every package has the build of its repository")
			}
			var rows [][]string
			for _, u := range all {
				rows = append(rows, []string{u.Name, u.Change, u.From, u.To, u.Repository, ui.Bytes(u.Download)})
			}
			return ui.Table(s.Out, []string{"NAME", "CHANGE", "FROM", "TO", "REPOSITORY", "DOWNLOAD"}, rows)
		},
	}
}
