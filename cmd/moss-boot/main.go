// Command moss-boot keeps the boot menu in step with the states and builds the
// early-boot image.
package main

import (
	"context"
	"os"
	"os/signal"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"moss/internal/system"
	"moss/internal/ui"
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM, unix.SIGHUP)
	defer stop()
	root := newRootCommand()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	code := system.ExitCode(err)
	ui.Fail(os.Stderr, "moss-boot", err, code, ui.Read(cmd).JSON)
	return code
}

func newRootCommand() *cobra.Command {
	root := ui.Root(&cobra.Command{
		Use:   "moss-boot",
		Short: "Show and sync the boot menu, build the early-boot image",
		Long: `moss-boot writes one boot entry for each of the newest states, and shows what
the menu holds. Entries and files of other systems are never touched.

` + system.ExitCodes,
	})
	root.AddCommand(newListCommand(), newSyncCommand(), newInitramfsCommand())
	return root
}
