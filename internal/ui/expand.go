package ui

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// Expand replaces a short form by the words it stands for. Only the word in the
// place of the verb is looked at: a package may be named "li". While a shell
// completes, the word under the cursor is left alone too.
func Expand(root *cobra.Command, forms map[string]string, args []string) []string {
	from, to := 0, len(args)
	if to > 0 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd) {
		from, to = 1, to-1
	}
	if to <= from {
		return args
	}
	at := verb(root, args[from:to])
	if at < 0 {
		return args
	}
	words, known := forms[args[from+at]]
	if !known {
		return args
	}
	return slices.Concat(args[:from+at], strings.Fields(words), args[from+at+1:])
}

// verb is the index of the first word that is neither a flag nor the value of
// one, or -1.
func verb(root *cobra.Command, args []string) int {
	for i := 0; i < len(args); i++ {
		word := args[i]
		switch {
		case word == "--":
			return -1
		case !strings.HasPrefix(word, "-") || word == "-":
			return i
		case takesNext(root, word):
			i++
		}
	}
	return -1
}

// takesNext says whether the value of a flag is the word after it.
func takesNext(root *cobra.Command, word string) bool {
	flags := root.PersistentFlags()
	if name, long := strings.CutPrefix(word, "--"); long {
		flag := flags.Lookup(name) // nil for name=value, which brings its own
		return flag != nil && flag.NoOptDefVal == ""
	}
	// A cluster such as -qD: the first letter that takes a value takes the rest
	// of the word, or the next one.
	letters := word[1:]
	for i := range len(letters) {
		if flag := flags.ShorthandLookup(letters[i : i+1]); flag != nil && flag.NoOptDefVal == "" {
			return i == len(letters)-1
		}
	}
	return false
}
