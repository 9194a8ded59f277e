package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"moss/internal/system"
	"moss/internal/ui"
)

// newSignCommand is "moss-boot sign": files that nothing else signs, such as a
// firmware update tool.
func newSignCommand() *cobra.Command {
	var r system.SignRequest
	cmd := &cobra.Command{
		Use:   "sign FILE...",
		Short: "Sign EFI programs and kernels",
		Long: `Sign adds a signature by our Secure Boot key to each file, in place: the file is
replaced as a whole or not at all. Signatures of others stay, and a file that has
ours is not written. With --verify nothing is changed: a file without our
signature, or changed since, is refused.

` + system.ExitCodes,
		Example: `  moss-boot sign /efi/EFI/memtest/memtest.efi
  moss-boot sign --output /efi/EFI/tools/shell.efi /usr/share/edk2-shell/x64/Shell.efi
  moss-boot sign --verify /efi/EFI/systemd/systemd-bootx64.efi`,
		Args: ui.Arguments(cobra.MinimumNArgs(1)),
	}
	flags := cmd.Flags()
	flags.StringVar(&r.Output, "output", "", "write the signed file to this `FILE` instead; for one file only")
	flags.BoolVar(&r.Verify, "verify", false, "only look whether the files are signed by our key")
	cmd.MarkFlagsMutuallyExclusive("output", "verify")
	cmd.RunE = func(cmd *cobra.Command, files []string) error {
		if r.Output != "" && len(files) > 1 {
			return ui.Usagef("--output takes one file, not %d", len(files))
		}
		r.Files = files
		done, err := system.SignFiles(secureBoot(cmd, ""), r)
		if err != nil {
			return err
		}
		s := ui.Read(cmd)
		switch {
		case s.JSON:
			return ui.JSON(s.Out, done)
		case !s.Quiet:
			for _, one := range done {
				fmt.Fprintln(s.Out, "signed: "+ui.Printable(one.Path))
			}
		}
		return nil
	}
	return cmd
}
