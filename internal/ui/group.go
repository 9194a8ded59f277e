package ui

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// NeedsVerb is what a verb does that only has verbs below it: it says which.
func NeedsVerb(cmd *cobra.Command, _ []string) error {
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
