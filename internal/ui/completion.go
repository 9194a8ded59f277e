package ui

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// Shells lists what completions are written for, by the file name that each
// shell looks for.
func Shells(program string) map[string]string {
	return map[string]string{"bash": program, "zsh": "_" + program, "fish": program + ".fish"}
}

// NewCompletionCommand is the verb that prints a shell's completion script.
func NewCompletionCommand(program string) *cobra.Command {
	shells := []string{"bash", "fish", "zsh"}
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Print the completion script of a shell: bash, fish or zsh",
		Long: `Completion prints a script that makes the shell complete verbs, flags and names.
A distribution's package brings it along; for one's own account:

  bash  ~/.local/share/bash-completion/completions/` + program + `
  fish  ~/.config/fish/completions/` + program + `.fish
  zsh   a file _` + program + ` in a folder of $fpath`,
		Example:   "  " + program + " completion bash > ~/.local/share/bash-completion/completions/" + program,
		Args:      Arguments(cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs)),
		ValidArgs: shells,
		RunE: func(cmd *cobra.Command, args []string) error {
			return writeCompletion(cmd.Root(), args[0], cmd.OutOrStdout())
		},
	}
}

func writeCompletion(root *cobra.Command, shell string, w io.Writer) error {
	switch shell {
	case "bash":
		return root.GenBashCompletionV2(w, true)
	case "fish":
		return root.GenFishCompletion(w, true)
	case "zsh":
		return root.GenZshCompletion(w)
	}
	return fmt.Errorf("completion for %s: there is none", shell)
}
