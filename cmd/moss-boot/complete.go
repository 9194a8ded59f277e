package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"moss/internal/system"
	"moss/internal/ui"
)

// completeKernels offers the kernel versions that the live state has modules for.
func completeKernels(cmd *cobra.Command, _ []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var all []cobra.Completion
	for _, version := range system.SuggestKernels(ui.Read(cmd).Root, prefix) {
		if ui.Printable(version) == version {
			all = append(all, version)
		}
	}
	return all, cobra.ShellCompDirectiveNoFileComp
}

// completeStates offers the numbers of states, the newest first.
func completeStates(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var all []cobra.Completion
	for _, s := range system.SuggestStates(system.Options{Root: ui.Read(cmd).Root, Log: func(string) {}}, prefix) {
		if !slices.Contains(args, s.Word) && len(args) == 0 {
			all = append(all, cobra.CompletionWithDesc(s.Word, ui.Printable(s.About)))
		}
	}
	return all, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

// withCompletions gives the verbs below root what completes their words and
// flags, where such verbs are.
func withCompletions(root *cobra.Command) *cobra.Command {
	for _, path := range []string{"set-default", "set-oneshot", "bless"} {
		if cmd, rest, err := root.Find([]string{path}); err == nil && len(rest) == 0 && cmd.ValidArgsFunction == nil {
			cmd.ValidArgsFunction = completeStates
		}
	}
	if cmd, rest, err := root.Find(strings.Fields("initramfs build")); err == nil && len(rest) == 0 {
		_ = cmd.RegisterFlagCompletionFunc("kernel", completeKernels) // nothing to complete where the flag is gone
		_ = cmd.RegisterFlagCompletionFunc("compress", cobra.FixedCompletions([]string{"zstd", "xz", "none"}, cobra.ShellCompDirectiveNoFileComp))
	}
	return root
}
