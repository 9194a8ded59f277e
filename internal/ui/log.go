package ui

import (
	"fmt"
	"strings"
)

// Logger tells a person what a program does: every step with --verbose, otherwise
// what should be seen without asking for more, and nothing with --quiet.
func Logger(s Settings, program string) func(line string) {
	return func(line string) {
		if s.Verbose || !s.Quiet && said(line) {
			fmt.Fprintln(s.Err, program+": "+Printable(line))
		}
	}
}

func said(line string) bool {
	for _, prefix := range []string{"warning: ", "recovered: ", "waiting: "} {
		if strings.HasPrefix(line, prefix) {
			return true
		}
	}
	return false
}
