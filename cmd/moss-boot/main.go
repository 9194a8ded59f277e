// Command moss-boot keeps the boot menu in step with the states and builds the
// early-boot image.
package main

import (
	"os"

	"github.com/spf13/cobra"

	"moss/internal/system"
	"moss/internal/ui"
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int { return ui.Main(newRootCommand(), args, system.ExitCode) }

func newRootCommand() *cobra.Command {
	root := ui.Root(&cobra.Command{
		Use:   "moss-boot",
		Short: "Keep the boot menu and the boot loader, build the early-boot image",
		Long: `moss-boot writes one boot entry for each of the newest states, chooses which one
starts, and keeps systemd-boot itself and its signatures. Entries and files of
other systems are never touched.

` + system.ExitCodes,
	})
	root.AddCommand(newListCommand(), newStatusCommand(), newSyncCommand(), newSetDefaultCommand(), newSetOneShotCommand(), newBlessCommand(),
		newInstallCommand(), newUpdateCommand(), newRemoveCommand(), newKeysCommand(), newSignCommand(),
		newInitramfsCommand(), newCompletionCommand(), newGenerateCommand())
	return withCompletions(root)
}
