package ui

import (
	"context"
	"os"
	"os/signal"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// Main runs a program's command line and returns its exit code, which code
// makes of an error. A signal that asks the program to end cancels the
// command's context; what is being committed is finished first.
func Main(root *cobra.Command, args []string, code func(error) int) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM, unix.SIGHUP)
	defer stop()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	Fail(os.Stderr, root.Name(), err, code(err), Read(cmd).JSON)
	return code(err)
}
