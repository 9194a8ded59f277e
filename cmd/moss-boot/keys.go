package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"moss/internal/system"
	"moss/internal/ui"
)

// newKeysCommand is "moss-boot keys": Secure Boot keys, and whether the firmware
// knows them.
func newKeysCommand() *cobra.Command {
	return ui.Group("keys", "Make Secure Boot keys and make the firmware trust them",
		newKeysCreateCommand(), newKeysEnrollCommand(), newKeysStatusCommand())
}

// secureBoot are the options of the verbs that deal with keys.
func secureBoot(cmd *cobra.Command, esp string) system.Options {
	opt := options(cmd, esp)
	if opt.Vars == nil {
		opt.Vars = vars()
	}
	return opt
}

func newKeysCreateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make Secure Boot keys",
		Long: `Create makes the platform key, the key exchange key and the key that signs files,
in ROOT/var/lib/sbctl as sbctl has them: both programs use the same. Keys that are
there are never replaced. From then on moss-boot sync signs what it writes to
$BOOT, unless moss.yaml says sign: no.

` + system.ExitCodes,
		Example: "  moss-boot keys create",
		Args:    ui.Arguments(cobra.NoArgs),
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		info, err := system.CreateKeys(secureBoot(cmd, ""))
		if err != nil {
			return err
		}
		s := ui.Read(cmd)
		switch {
		case s.JSON:
			return ui.JSON(s.Out, info)
		case !s.Quiet:
			fmt.Fprintf(s.Out, "keys made in %s, certificate %s\nnext: moss-boot sync, then moss-boot keys enroll\n", info.Dir, info.Fingerprint)
		}
		return nil
	}
	return cmd
}

func newKeysEnrollCommand() *cobra.Command {
	var e system.Enrollment
	cmd := &cobra.Command{
		Use:   "enroll --microsoft|--extra DIR|--own-only",
		Short: "Make the firmware trust the keys",
		Long: `Enroll writes the certificates into the firmware: db, KEK, and last PK, with which
Secure Boot begins at the next boot. The firmware has to be in setup mode: clear
the platform key in its menu first.

Programs on graphics and network cards (option ROMs) are mostly signed by
Microsoft; without its certificates such a machine may show nothing or not start.
So one has to be chosen: --microsoft for those that the distribution ships in
/usr/lib/moss/secureboot/microsoft, --extra for a folder with others (db.esl,
KEK.esl, db/*.der, KEK/*.der), --own-only for none.

What starts the machine next has to be signed already, the loader and the kernels
on $BOOT: moss-boot sync and moss-boot update sign them. Else it is refused, unless
with --force.

With --export the firmware is left alone. The files are for its own menu, or,
written to loader/keys/moss on the ESP, for systemd-boot, which then enrolls them
when "Enroll Secure Boot keys: moss" is chosen in its menu.

` + system.ExitCodes,
		Example: "  moss-boot keys enroll --microsoft\n  moss-boot keys enroll --own-only --export /efi/loader/keys/moss",
		Args:    ui.Arguments(cobra.NoArgs),
	}
	flags := cmd.Flags()
	flags.BoolVar(&e.Microsoft, "microsoft", false, "enroll also the certificates of Microsoft that the distribution ships")
	flags.StringVar(&e.Extra, "extra", "", "enroll also what is in this `DIR`")
	flags.BoolVar(&e.OwnOnly, "own-only", false, "enroll our certificates alone")
	flags.StringVar(&e.Export, "export", "", "write .auth and .esl files to this `DIR` and leave the firmware alone")
	flags.BoolVar(&e.Force, "force", false, "enroll although what is on $BOOT would not start then")
	esp := espFlag(cmd)
	cmd.MarkFlagsMutuallyExclusive("own-only", "microsoft")
	cmd.MarkFlagsMutuallyExclusive("own-only", "extra")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s := ui.Read(cmd)
		e.Agree = func() (bool, error) {
			return ui.Confirm(s, "make the firmware trust these keys? From the next boot on it starts only what they signed")
		}
		done, err := system.EnrollKeys(secureBoot(cmd, *esp), e)
		if err != nil {
			return err
		}
		switch {
		case s.JSON:
			return ui.JSON(s.Out, done)
		case !s.Quiet:
			reportEnrolled(s, done)
		}
		return nil
	}
	return cmd
}

func reportEnrolled(s ui.Settings, done system.Enrolled) {
	for _, path := range done.Files {
		fmt.Fprintln(s.Out, "written: "+path)
	}
	switch {
	case len(done.Enrolled) > 0:
		fmt.Fprintf(s.Out, "enrolled %s, and %d certificates of others; Secure Boot begins at the next boot\n", strings.Join(done.Enrolled, ", "), done.Others)
	case len(done.Files) == 0:
		fmt.Fprintln(s.Out, "nothing was changed")
	}
}

func newKeysStatusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the keys, what the firmware knows, and what is signed",
		Long: `Status shows whether Secure Boot is on, whether the firmware knows our keys, and
which of the loaders and of our kernels on $BOOT they signed.

` + system.ExitCodes,
		Example: "  moss-boot keys status --json",
		Args:    ui.Arguments(cobra.NoArgs),
	}
	esp := espFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		status, err := system.ReadKeys(secureBoot(cmd, *esp))
		if err != nil {
			return err
		}
		s := ui.Read(cmd)
		if s.JSON {
			return ui.JSON(s.Out, status)
		}
		return showKeys(s, status)
	}
	return cmd
}

func showKeys(s ui.Settings, status system.KeysStatus) error {
	keys := "none"
	if status.Keys != nil {
		keys = status.Keys.Dir + ", certificate " + status.Keys.Fingerprint
	}
	e := status.Enrolled
	enrolled := fmt.Sprintf("PK %s, KEK %s, db %s; %d of others", yesNo(e.PK), yesNo(e.KEK), yesNo(e.DB), e.Others)
	for _, line := range [][2]string{{"Secure Boot", status.SecureBoot}, {"Setup mode", status.SetupMode}, {"Keys", keys}, {"Enrolled", enrolled}} {
		fmt.Fprintf(s.Out, "%-13s%s\n", line[0], ui.Printable(line[1]))
	}
	for _, line := range status.Notes {
		fmt.Fprintln(s.Out, "note: "+ui.Printable(line))
	}
	return signedTable(s, status.Files)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func signedTable(s ui.Settings, files []system.SignedFile) error {
	var rows [][]string
	for _, one := range files {
		rows = append(rows, []string{ui.Mark(one.Signed), one.Path})
	}
	return ui.Table(s.Out, []string{"SIGNED", "FILE"}, rows)
}
