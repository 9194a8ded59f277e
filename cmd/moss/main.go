// Command moss installs packages as whole, numbered system states and switches
// between them.
package main

import (
	"os"

	"github.com/spf13/cobra"

	"moss/internal/system"
	"moss/internal/ui"
	"moss/store/trigger"
)

func main() {
	if trigger.Sandboxed(os.Args) {
		trigger.RunSandboxed()
	}
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	root := newRootCommand()
	return ui.Main(root, ui.Expand(root, shortForms(), args), system.ExitCode)
}

func newRootCommand() *cobra.Command {
	root := ui.Root(&cobra.Command{
		Use:   "moss",
		Short: "Install packages as whole system states, and go back to any of them",
		Long: `moss makes every change to the system a new, complete /usr and swaps it in by
one step. Each state stays until it is removed, has an entry in the boot menu,
and can be made current again.

` + system.ExitCodes,
	})
	root.AddCommand(newInstallCommand(), newRemoveCommand(), newSyncCommand(), newFetchCommand(), newStateCommand(), newStatusCommand(),
		newListCommand(), newSearchCommand(), newInfoCommand(), newFilesCommand(), newOwnerCommand(), newRepoCommand(),
		newIndexCommand(), newKeygenCommand(), newPackCommand(), newInspectCommand(), newExtractCommand(), newTriggerCommand(), newUsrMergeCommand(),
		newCompletionCommand(), newGenerateCommand())
	return withCompletions(root)
}
