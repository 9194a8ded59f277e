package ui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// ExitCodes explains the exit codes of moss and moss-boot. A script may rely on
// them.
const ExitCodes = `Exit codes: 0 done; 1 failed, nothing changed; 2 usage; 3 refused (would not
boot, conflict, no space; nothing changed); 4 the new state is in place but a
later step failed; 5 locked by another process; 6 verification found damage.`

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
	words(cmd, "color", "`WHEN` to paint: auto, always or never", "auto", "always", "never")
	words(cmd, "progress", "`HOW` to show progress on standard error: auto (bars on a terminal), json (events) or none", "auto", "json", "none")
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		if wrong, ok := errors.AsType[*pflag.InvalidValueError](err); ok && isNumber(wrong) {
			err = fmt.Errorf("--%s %s: want a whole number", wrong.GetFlag().Name, wrong.GetValue())
		}
		return &UsageError{err, "see: " + cmd.CommandPath() + " --help"}
	})
	cmd.SetHelpFunc(help)
	cmd.CompletionOptions.DisableDefaultCmd = true
	return cmd
}

// isNumber tells whether a flag's value was no number, which is said in words and not
// in those of the library.
func isNumber(wrong *pflag.InvalidValueError) bool {
	kind := wrong.GetFlag().Value.Type()
	return strings.HasPrefix(kind, "int") || strings.HasPrefix(kind, "uint")
}

// words adds a flag for every verb that takes one of a few words, the first by
// default.
func words(cmd *cobra.Command, name, usage string, all ...string) {
	cmd.PersistentFlags().Var(&choice{all[0], all}, name, usage)
	_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(all, cobra.ShellCompDirectiveNoFileComp)) // the flag is there
}

// help ends every verb's help with the exit codes.
func help(cmd *cobra.Command, _ []string) {
	text := cmd.Long
	if text == "" {
		text = cmd.Short + "."
	}
	if !strings.Contains(text, ExitCodes) {
		text += "\n\n" + ExitCodes
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s\n\n%s", text, cmd.UsageString())
}

// Settings are the flags every verb has, as one value.
type Settings struct {
	Root                      string
	JSON, Quiet, Verbose, Yes bool
	Color                     string // auto, always or never
	Progress                  string // auto, json or none
	In                        io.Reader
	Out                       io.Writer // a Screen
	Err                       io.Writer

	ctx context.Context // ends a question when the command is interrupted
}

// Read collects the settings of a running command.
func Read(cmd *cobra.Command) Settings {
	flags := cmd.Flags()
	s := Settings{In: cmd.InOrStdin(), Err: cmd.ErrOrStderr(), ctx: cmd.Context()}
	s.Root, _ = flags.GetString("root")
	s.JSON, _ = flags.GetBool("json")
	s.Yes, _ = flags.GetBool("yes")
	s.Quiet, _ = flags.GetBool("quiet")
	s.Verbose, _ = flags.GetBool("verbose")
	s.Color, s.Progress = flagText(cmd, "color"), flagText(cmd, "progress")
	if s.JSON {
		s.Color = "never"
	}
	s.Out = newScreen(cmd.OutOrStdout(), s.Color)
	return s
}

func flagText(cmd *cobra.Command, name string) string {
	if flag := cmd.Flags().Lookup(name); flag != nil {
		return flag.Value.String()
	}
	return ""
}

// Warning is a line for standard error, yellow where that can be seen.
func (s Settings) Warning(line string) string {
	return newScreen(s.Err, s.Color).paint(yellow, line)
}

// Arguments turns cobra's complaints about a verb's words into usage errors.
func Arguments(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			if cmd.HasParent() {
				err = fmt.Errorf("%s: %w", cmd.CommandPath(), err)
			}
			return &UsageError{err, advice(cmd, args)}
		}
		return nil
	}
}
