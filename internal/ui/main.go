package ui

import (
	"context"
	"os"
	"os/signal"
	"slices"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// Main runs a program's command line and returns its exit code, which code
// makes of an error. A signal that asks the program to end cancels the
// command's context; what is being committed is finished first. A reader that
// goes away, as in "moss ... | head", ends nothing.
func Main(root *cobra.Command, args []string, code func(error) int) int {
	// What moss writes is for all users to read, queries need no root: a strict
	// umask of whoever calls must not lock them out.
	unix.Umask(0o022)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM, unix.SIGHUP)
	defer stop()
	// Notify, not Ignore: what is ignored stays so in the programs that are run.
	signal.Notify(make(chan os.Signal, 1), unix.SIGPIPE)
	root.SetOut(&stdout{os.Stdout})
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	err = usage(cmd, err)
	Fail(os.Stderr, root.Name(), err, code(err), Read(cmd).JSON || asked(args, "--json"))
	return code(err)
}

// usage finds out whether cobra stopped the work before the verb began: flags
// that exclude each other, or a missing one, are mistakes in the words.
func usage(cmd *cobra.Command, err error) error {
	for _, mistake := range []error{cmd.ValidateRequiredFlags(), cmd.ValidateFlagGroups()} {
		if mistake != nil && mistake.Error() == err.Error() {
			return &UsageError{err, "see: " + cmd.CommandPath() + " --help"}
		}
	}
	return err
}

// asked looks for a flag in words that were never parsed: an unknown verb ends
// the work before any flag is read.
func asked(args []string, flag string) bool {
	if i := slices.Index(args, "--"); i >= 0 {
		args = args[:i]
	}
	return slices.Contains(args, flag)
}
