package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"moss/internal/system"
	"moss/internal/ui"
)

type loaderChange func(context.Context, system.Options, system.LoaderRequest) (system.LoaderDone, error)

func newInstallCommand() *cobra.Command {
	var req system.LoaderRequest
	cmd := newLoaderCommand(&cobra.Command{
		Use:   "install",
		Short: "Install systemd-boot, the boot loader",
		Long: `Install writes the systemd-boot of the live /usr to the ESP: to EFI/systemd, and
last to the path that firmware starts by default, EFI/BOOT. It makes one firmware
boot entry, the first in the order, or takes the one that is there, and a
loader.conf if there is none. There is never a random seed.

An older program never replaces a newer one, and what is not systemd-boot is never
touched. Without --force none is written that Secure Boot would not start, none
without a signature in the place of one that has one, and none on a machine that
was started without UEFI. The program that was there before stays beside the new one, with the suffix
".previous", which nothing starts by itself.

` + system.ExitCodes,
		Example: "  moss-boot install --dry-run\n  moss-boot -D /mnt install --esp /mnt/efi",
	}, system.InstallLoader, &req)
	sourceFlags(cmd, &req)
	cmd.Flags().BoolVar(&req.NoVariables, "no-variables", false, "leave the firmware's boot entries alone")
	cmd.Flags().BoolVar(&req.NoOrder, "no-order", false, "do not make our entry the firmware's first")
	return cmd
}

func newUpdateCommand() *cobra.Command {
	var req system.LoaderRequest
	cmd := newLoaderCommand(&cobra.Command{
		Use:   "update",
		Short: "Bring systemd-boot on the ESP to the version of the live /usr",
		Long: `Update replaces the copies of systemd-boot on the ESP that are older than the one
of the live /usr, the one that firmware falls back to last, and those of the same
version that lack our signature. It puts none where there is none, leaves the
firmware's boot entries and their order alone, and without --force writes none that
Secure Boot would not start.

` + system.ExitCodes,
		Example: "  moss-boot update",
	}, system.UpdateLoader, &req)
	sourceFlags(cmd, &req)
	return cmd
}

func newRemoveCommand() *cobra.Command {
	var req system.LoaderRequest
	cmd := newLoaderCommand(&cobra.Command{
		Use:   "remove",
		Short: "Remove systemd-boot from the ESP",
		Long: `Remove takes every systemd-boot off the ESP, whoever installed it, with the copies
that were kept, and the firmware's boot entries for it on this partition. It is
refused while entries of other systems need it. The menu, loader.conf and all that
is not systemd-boot stay. Without another loader the machine does not start then.

` + system.ExitCodes,
		Example: "  moss-boot remove --dry-run",
	}, system.RemoveLoader, &req)
	cmd.Flags().BoolVar(&req.Force, "force", false, "remove it although other systems need it")
	cmd.Flags().BoolVar(&req.NoVariables, "no-variables", false, "leave the firmware's boot entries alone")
	return cmd
}

func sourceFlags(cmd *cobra.Command, req *system.LoaderRequest) {
	cmd.Flags().StringVar(&req.Source, "source", "", "install this `FILE` instead of the one in ROOT/usr/lib/systemd/boot/efi")
	cmd.Flags().BoolVar(&req.Force, "force", false, "replace newer ones, and write what this machine may not start")
}

// newLoaderCommand gives a verb what all three have.
func newLoaderCommand(cmd *cobra.Command, change loaderChange, req *system.LoaderRequest) *cobra.Command {
	cmd.Args = ui.Arguments(cobra.NoArgs)
	esp := cmd.Flags().String("esp", "", "the `DIR` where the ESP is mounted; found by itself if not given")
	dry := cmd.Flags().Bool("dry-run", false, "say what would change, and change nothing")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s, opt := ui.Read(cmd), options(cmd, *esp)
		opt.DryRun = *dry
		if cmd.Name() == "remove" && !*dry {
			agreed, err := ui.Confirm(s, "Remove the boot loader? Without another one this machine does not start.")
			if err != nil || !agreed {
				return err
			}
		}
		done, err := change(cmd.Context(), opt, *req)
		if err != nil {
			return err
		}
		return reportLoader(s, done, *dry)
	}
	return cmd
}

func reportLoader(s ui.Settings, done system.LoaderDone, dry bool) error {
	for _, line := range done.Warnings {
		fmt.Fprintln(s.Err, s.Warning("moss-boot: warning: "+line))
	}
	if s.JSON {
		return ui.JSON(s.Out, done)
	}
	if s.Quiet {
		return nil
	}
	for _, line := range done.Steps {
		if dry {
			line = "would " + line
		}
		fmt.Fprintln(s.Out, line)
	}
	for _, line := range done.Notes {
		fmt.Fprintln(s.Out, line)
	}
	if len(done.Steps) == 0 {
		fmt.Fprintln(s.Out, "nothing to do in "+done.ESP)
	}
	return nil
}
