package ui

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

// NewGenerateCommand is the hidden verb with which a build makes the manual
// pages and the completions: DIR/man8/*.8, DIR/completions/SHELL/*.
func NewGenerateCommand(program string, m Manual) *cobra.Command {
	return &cobra.Command{
		Use:    "generate DIR",
		Hidden: true,
		Short:  "Write the manual pages and the shell completions",
		Long: `Generate writes the manual pages into DIR/man8 and the completions into
DIR/completions. The pages carry the day of SOURCE_DATE_EPOCH, or none: equal
programs give equal files.`,
		Example: "  " + program + " generate build/dist",
		Args:    Arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			day, err := sourceDay(os.Getenv("SOURCE_DATE_EPOCH"))
			if err != nil {
				return err
			}
			m.Day = day
			return generate(cmd.Root(), m, args[0])
		},
	}
}

// sourceDay reads the variable with which builders pin time, in seconds
// (reproducible-builds.org).
func sourceDay(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return "", Usagef("SOURCE_DATE_EPOCH %q is no number of seconds", text)
	}
	return time.Unix(seconds, 0).UTC().Format(time.DateOnly), nil
}

func generate(root *cobra.Command, m Manual, dir string) error {
	for name, page := range m.Pages(root) {
		if err := writeFile(filepath.Join(dir, "man8", name), page); err != nil {
			return err
		}
	}
	for shell, name := range Shells(root.Name()) {
		var script bytes.Buffer
		if err := writeCompletion(root, shell, &script); err != nil {
			return err
		}
		if err := writeFile(filepath.Join(dir, "completions", shell, name), script.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

func writeFile(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("generate: %w", err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		return fmt.Errorf("generate: %w", err)
	}
	return nil
}
