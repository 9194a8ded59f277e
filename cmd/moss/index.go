package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"moss/internal/system"
	"moss/internal/ui"
)

func newIndexCommand() *cobra.Command {
	var opt system.IndexOptions
	var passwordFile string
	cmd := &cobra.Command{
		Use:     "index DIR",
		Aliases: []string{"ix"},
		Short:   "Make a repository of a folder of packages: write and sign its stone.index",
		Long: `Index reads all packages below DIR, proves that they are whole, and writes
stone.index, which lists of every name the newest release. Addresses in it are
relative to where it is written, so the folder can be served from anywhere. With
--sign it writes stone.index.minisig too, in minisign's format. The time in it is
always later than that of the signature it replaces; users refuse an older one.

The same files give the same index. One repository should have one key.

` + system.ExitCodes,
		Example: `  moss index /srv/stones --sign ~/repo.key
  moss index /srv/pool -o /srv/repo/x86_64 --sign ~/repo.key --password-file ~/repo.pass`,
		Args: ui.Arguments(cobra.ExactArgs(1)),
	}
	f := cmd.Flags()
	f.StringVar(&opt.Key, "sign", "", "sign with the secret key in file `KEY` (see moss keygen)")
	f.StringVarP(&opt.Out, "output", "o", "", "write to `DIR` instead of the folder that is read")
	f.StringVar(&passwordFile, "password-file", "", "read the key's passphrase from `FILE`, not from the terminal")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		s := ui.Read(cmd)
		opt.Dir, opt.Now = args[0], time.Now()
		opt.Passphrase = func() (string, error) { return passphrase(cmd, passwordFile, "passphrase of "+opt.Key) }
		done, err := system.Index(cmd.Context(), opt)
		if err != nil {
			return err
		}
		if s.JSON {
			return ui.JSON(s.Out, done)
		}
		trust := "unsigned"
		if done.Signed {
			trust = "signed; users pin " + done.Key
		}
		sayIf(s, fmt.Sprintf("%s: %d packages, %s", done.Index, done.Packages, trust))
		return nil
	}
	return cmd
}
