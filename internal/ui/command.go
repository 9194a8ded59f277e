package ui

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// Root dresses a program's top command: the flags every verb has, and errors
// left to the caller, who alone knows the exit codes.
func Root(cmd *cobra.Command) *cobra.Command {
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	// With both set, an unknown verb is a usage error and no verb is a question.
	cmd.Args = Arguments(cobra.NoArgs)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	flags := cmd.PersistentFlags()
	flags.StringP("root", "D", "/", "serve the system below this `DIR`")
	flags.Bool("json", false, "print JSON with stable keys, and nothing else")
	flags.BoolP("yes", "y", false, "do not ask")
	flags.BoolP("quiet", "q", false, "print errors only")
	flags.BoolP("verbose", "v", false, "print what is done, step by step")
	flags.String("color", "auto", "auto, always or never")
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return &UsageError{err, "see: " + cmd.CommandPath() + " --help"}
	})
	cmd.CompletionOptions.DisableDefaultCmd = true
	return cmd
}

// Settings are the flags every verb has, as one value.
type Settings struct {
	Root                 string
	JSON, Quiet, Verbose bool
	Out, Err             io.Writer
}

// Read collects the settings of a running command.
func Read(cmd *cobra.Command) Settings {
	flags := cmd.Flags()
	s := Settings{Out: cmd.OutOrStdout(), Err: cmd.ErrOrStderr()}
	s.Root, _ = flags.GetString("root")
	s.JSON, _ = flags.GetBool("json")
	s.Quiet, _ = flags.GetBool("quiet")
	s.Verbose, _ = flags.GetBool("verbose")
	return s
}

// Arguments turns cobra's complaints about a verb's words into usage errors.
func Arguments(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			if cmd.HasParent() {
				err = fmt.Errorf("%s: %w", cmd.CommandPath(), err)
			}
			return &UsageError{err, "see: " + cmd.CommandPath() + " --help"}
		}
		return nil
	}
}
