package ui

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// Group is a verb that only has verbs below it.
func Group(use, short string, verbs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: Arguments(cobra.NoArgs), RunE: needsVerb}
	cmd.AddCommand(verbs...)
	return cmd
}

// needsVerb says which.
func needsVerb(cmd *cobra.Command, _ []string) error {
	var names []string
	for _, child := range cmd.Commands() {
		if child.IsAvailableCommand() && child.Name() != "help" {
			names = append(names, child.Name())
		}
	}
	return &UsageError{fmt.Errorf("%s needs a verb: %s", cmd.CommandPath(), strings.Join(names, ", ")), "see: " + cmd.CommandPath() + " --help"}
}

// advice is what to do after wrong words: a verb that is nearly the same, or the
// help.
func advice(cmd *cobra.Command, args []string) string {
	if cmd.HasAvailableSubCommands() && len(args) > 0 {
		cmd.SuggestionsMinimumDistance = 2
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			return "did you mean: " + cmd.CommandPath() + " " + near[0]
		}
	}
	return "see: " + cmd.CommandPath() + " --help"
}
