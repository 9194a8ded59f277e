package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"moss/internal/system"
	"moss/internal/ui"
)

// completion is how cobra asks for the words that may come next. Nothing of it
// may fail loudly: a shell would print the complaint into the user's line.
type completion = func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective)

// completeFrom offers what list gives and what was not named already.
func completeFrom(list func(opt system.Options, prefix string) []system.Suggestion, more cobra.ShellCompDirective) completion {
	return func(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
		var all []cobra.Completion
		for _, s := range list(system.Options{Root: ui.Read(cmd).Root, Log: func(string) {}}, prefix) {
			if !slices.Contains(args, s.Word) && ui.Printable(s.Word) == s.Word {
				all = append(all, cobra.CompletionWithDesc(s.Word, ui.Printable(s.About)))
			}
		}
		return all, more
	}
}

// one stops after the first word.
func one(next completion) completion {
	return func(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return next(cmd, args, prefix)
	}
}

func completeInstalled(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return completeFrom(system.SuggestInstalled, cobra.ShellCompDirectiveNoFileComp)(cmd, args, prefix)
}

func completeKnown(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return completeFrom(system.SuggestKnown, cobra.ShellCompDirectiveNoFileComp)(cmd, args, prefix)
}

// completeWanted is for install: a package that is on offer, or a file.
func completeWanted(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if strings.ContainsAny(prefix, "/.") && !strings.Contains(prefix, "(") {
		return []cobra.Completion{"stone"}, cobra.ShellCompDirectiveFilterFileExt
	}
	return completeFrom(system.SuggestAvailable, cobra.ShellCompDirectiveDefault)(cmd, args, prefix)
}

func completeStates(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return completeFrom(system.SuggestStates, cobra.ShellCompDirectiveNoFileComp|cobra.ShellCompDirectiveKeepOrder)(cmd, args, prefix)
}

func completeRepositories(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return completeFrom(system.SuggestRepositories, cobra.ShellCompDirectiveNoFileComp)(cmd, args, prefix)
}

// withCompletions gives the verbs below root what completes their words, by
// path: whoever writes a verb need not know of it.
func withCompletions(root *cobra.Command) *cobra.Command {
	for path, words := range map[string]completion{
		"install": completeWanted, "remove": completeInstalled, "fetch": completeKnown,
		"state show": one(completeStates), "state diff": completeStates, "state activate": one(completeStates), "state remove": completeStates,
		"state pin": one(completeStates), "state unpin": one(completeStates), "state verify": completeStates, "state export": one(completeStates),
		"repo remove": completeRepositories, "repo update": completeRepositories, "repo enable": completeRepositories, "repo disable": completeRepositories,
	} {
		if cmd, rest, err := root.Find(strings.Fields(path)); err == nil && len(rest) == 0 && cmd.ValidArgsFunction == nil {
			cmd.ValidArgsFunction = words
		}
	}
	return root
}

// shortForms are AerynOS' two letters; ui.Expand puts the words in their place.
func shortForms() map[string]string {
	return map[string]string{
		"it": "install", "rm": "remove", "sy": "sync", "up": "sync -u", "fe": "fetch", "ix": "index",
		"li": "list installed", "la": "list available", "lu": "list upgrades", "ls": "list upgrades",
		"sr": "search", "sf": "search --files",
		"ar": "repo add", "lr": "repo list", "rr": "repo remove", "ur": "repo update", "er": "repo enable", "dr": "repo disable",
	}
}
