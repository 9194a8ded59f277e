package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"moss/internal/system"
	"moss/internal/ui"
)

func newOwnerCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "owner PATH ...",
		Short: "Say which package brought a path",
		Long: `Owner says who brought a path of the live state: a package, a trigger, or nobody.
PATH may be absolute, go through a link such as /bin, or be relative to the
current folder or to /usr. A path that nobody owns is an error (exit code 1);
the other paths are answered all the same.

` + system.ExitCodes,
		Example: "  moss owner /bin/sh lib/os-release",
		Args:    ui.Arguments(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			s := ui.Read(cmd)
			dir, err := os.Getwd()
			if err != nil {
				dir = "/"
			}
			all, err := system.Owners(s.Root, dir, args)
			if s.JSON {
				return errors.Join(ui.JSON(s.Out, all), err)
			}
			for _, one := range all {
				if one.Kind != system.OwnedByNobody {
					fmt.Fprintf(s.Out, "%s: %s\n", ui.Printable(one.Path), ui.Printable(ownerText(one)))
				}
			}
			return err
		},
	}
}

const mostOwners = 5 // named; a folder such as /usr/bin has thousands

func ownerText(o system.Owned) string {
	var names []string
	for _, p := range o.Packages {
		names = append(names, p.Name+" "+p.Build())
	}
	switch {
	case o.Kind == system.OwnedByTrigger:
		return "made by the trigger " + o.Trigger
	case o.Kind == system.OwnedByAdopt:
		return "no package; it was there when moss took the system over"
	case o.Kind == system.OwnedByMoss:
		return "moss, to mark the state"
	case o.Kind == system.OwnedByMany && len(names) == 0:
		return "a folder that no package names"
	case o.Kind == system.OwnedByMany && len(names) > mostOwners:
		return fmt.Sprintf("a folder of %d packages", len(names))
	case o.Kind == system.OwnedByMany:
		return "a folder of " + strings.Join(names, ", ")
	}
	return strings.Join(names, ", ")
}
