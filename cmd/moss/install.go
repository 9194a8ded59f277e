package main

import (
	"strings"

	"github.com/spf13/cobra"

	"moss/internal/system"
	"moss/internal/ui"
)

func newInstallCommand() *cobra.Command {
	var without []string
	cmd := &cobra.Command{
		Use:     "install NAME|kind(name)|FILE.stone ...",
		Aliases: []string{"it"},
		Short:   "Make a new state: the current selection and these packages",
		Long: `Install finds packages in the repositories by name or by what they provide, or
takes stone files, with everything they need; downloads and unpacks them; makes
a new state of the current selection and them; writes its boot entry; and makes
it the live /usr. A file replaces the package of its name. What is installed by
name already stays as it is; sync brings newer versions.

A word that ends in .stone or holds a slash is a file; kind(name) is one of
soname pkgconfig interpreter cmake python binary sysbinary pkgconfig32.

` + system.ExitCodes,
		Example: "  moss install nano 'binary(jq)' ./tool-1.0-1-1-x86_64.stone --comment 'editors'",
		Args:    ui.Arguments(cobra.MinimumNArgs(1)),
	}
	cmd.Flags().StringSliceVar(&without, "without", nil, "take these `NAMES` away in the same transaction")
	options := transactionFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		change := system.Change{Remove: without}
		for _, word := range args {
			if isFile(word) {
				change.Stones = append(change.Stones, word)
			} else {
				change.Install = append(change.Install, word)
			}
		}
		return transact(cmd, options, change)
	}
	return cmd
}

// isFile tells files from names, which never hold a slash; kind(name) may:
// interpreter(/usr/lib/ld.so).
func isFile(word string) bool {
	return strings.HasSuffix(word, ".stone") || strings.Contains(word, "/") && !strings.HasSuffix(word, ")")
}

func newRemoveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "remove NAME ...",
		Aliases: []string{"rm"},
		Short:   "Make a new state without these packages and what only they needed",
		Long: `Remove makes a new state of the current selection without the named packages
and without those that nothing else needs and nobody asked for. What another
package needs is not removed unless --force is given. No repository is asked.

` + system.ExitCodes,
		Example: "  moss remove nano",
		Args:    ui.Arguments(cobra.MinimumNArgs(1)),
	}
	options := transactionFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return transact(cmd, options, system.Change{Remove: args})
	}
	return cmd
}

func newSyncCommand() *cobra.Command {
	var change system.Change
	var file string
	cmd := &cobra.Command{
		Use:     "sync",
		Aliases: []string{"sy"},
		Short:   "Bring every package to the version of the repositories",
		Long: `Sync makes a new state in which each package has the build that the repository
of the highest priority offers. Nothing is replaced by an older build unless
--downgrade is given; packages of no repository stay. With --import the selection
becomes that of a file which moss state export wrote.

` + system.ExitCodes,
		Example: "  moss sync -u --dry-run",
		Args:    ui.Arguments(cobra.NoArgs),
	}
	cmd.Flags().BoolVarP(&change.Refresh, "update", "u", false, "fetch the indexes of the repositories first")
	cmd.Flags().BoolVar(&change.Downgrade, "downgrade", false, "take older builds too where the repositories have no newer one")
	cmd.Flags().StringVar(&file, "import", "", "make the selection that of `FILE`")
	options := transactionFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if file == "" {
			change.Upgrade = true
			return transact(cmd, options, change)
		}
		selection, err := system.ReadSelection(file)
		if err != nil {
			return err
		}
		change.Selection = &selection
		return transact(cmd, options, change)
	}
	return cmd
}
