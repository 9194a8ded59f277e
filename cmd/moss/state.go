package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"moss/internal/system"
	"moss/internal/ui"
	"moss/store/activate"
)

func newStateCommand() *cobra.Command {
	return ui.Group("state", "List, compare, switch between, verify and remove states",
		newStateListCommand(), newStateActiveCommand(), newStateShowCommand(),
		newStateDiffCommand(), newStateActivateCommand(), newStateVerifyCommand(), newStateRemoveCommand(), newStatePruneCommand(),
		newStatePinCommand(), newStateUnpinCommand(), newStateExportCommand(), newAdoptCommand())
}

// view is the read-only side of the options: $BOOT is looked at to say which
// state is the default, nothing is written.
func view(cmd *cobra.Command) system.Options {
	s := ui.Read(cmd)
	return system.Options{Root: s.Root, Log: logger(s)}
}

func newStateListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List all states, oldest first",
		Example: "  moss state list --json",
		Args:    ui.Arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := system.States(view(cmd))
			if err != nil {
				return err
			}
			s := ui.Read(cmd)
			if s.JSON {
				return ui.JSON(s.Out, all)
			}
			var rows [][]string
			for _, one := range all {
				rows = append(rows, stateRow(one))
			}
			return ui.Table(s.Out, []string{"STATE", "CREATED", "ACTIVE", "BOOTED", "DEFAULT", "PINNED", "BOOTABLE", "FAILED", "PACKAGES", "SUMMARY"}, rows)
		},
	}
}

func stateRow(s system.StateInfo) []string {
	bootable := "yes"
	if !s.Bootable {
		bootable = "no"
	}
	summary := s.Summary
	if s.Comment != "" {
		summary += " (" + s.Comment + ")"
	}
	return []string{s.ID.String(), s.Created.Format("2006-01-02 15:04"), ui.Mark(s.Active), ui.Mark(s.Booted), ui.Mark(s.Default), ui.Mark(s.Pinned),
		bootable, ui.Mark(s.Failed != ""), fmt.Sprint(len(s.Packages)), summary}
}

func newStateActiveCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "active",
		Short:   "Print the number of the live state",
		Example: "  moss state active",
		Args:    ui.Arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s := ui.Read(cmd)
			id, err := system.Active(s.Root)
			if err != nil {
				return err
			}
			if s.JSON {
				return ui.JSON(s.Out, map[string]any{"id": id})
			}
			_, err = fmt.Fprintln(s.Out, id)
			return err
		},
	}
}

func newStateShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "show [ID]",
		Short:   "Show one state: when and why it was made, whether it boots, what is in it",
		Example: "  moss state show 2",
		Args:    ui.Arguments(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			s := ui.Read(cmd)
			id, err := stateArgument(s.Root, args)
			if err != nil {
				return err
			}
			one, err := system.OneState(view(cmd), id)
			if err != nil {
				return err
			}
			if s.JSON {
				return ui.JSON(s.Out, one)
			}
			return showState(s, one)
		},
	}
}

// stateArgument is the state that a verb was given, or the live one.
func stateArgument(root string, args []string) (activate.ID, error) {
	if len(args) == 0 {
		return system.Active(root)
	}
	id, err := activate.ParseID(args[0])
	if err != nil {
		return 0, &ui.UsageError{Err: err, Advice: "see: moss state list"}
	}
	return id, nil
}

func showState(s ui.Settings, one system.StateInfo) error {
	bootable := "yes"
	if !one.Bootable {
		bootable = "no: " + one.Why
	}
	rows := [][]string{
		{"created", one.Created.Format("2006-01-02 15:04:05 MST")}, {"summary", one.Summary}, {"comment", one.Comment},
		{"is", strings.Join(marks(one), ", ")}, {"bootable", bootable}, {"failed", one.Failed},
		{"kernels", strings.Join(one.Kernels, ", ")}, {"only here", ui.Bytes(one.SizeUnique)},
		{"packages", fmt.Sprint(len(one.Packages))},
	}
	if err := ui.Table(s.Out, []string{"state", one.ID.String()}, rows); err != nil {
		return err
	}
	for _, name := range one.Packages {
		fmt.Fprintln(s.Out, "  "+ui.Printable(name))
	}
	return nil
}

func marks(one system.StateInfo) []string {
	all := []string{"archived"}
	if one.Active {
		all[0] = "active"
	}
	for _, mark := range []struct {
		word string
		set  bool
	}{{"booted", one.Booted}, {"default", one.Default}, {"chosen for the next boot", one.OneShot}, {"pinned", one.Pinned}} {
		if mark.set {
			all = append(all, mark.word)
		}
	}
	return all
}

func newStateActivateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "activate ID",
		Short: "Make a state the live one now, and the default of the next boots",
		Long: `Activate checks that the state can boot, makes its boot entry the default, and
exchanges its tree with the live /usr. Nothing is downloaded or copied.

` + system.ExitCodes,
		Example: "  moss state activate 1",
		Args:    ui.Arguments(cobra.ExactArgs(1)),
	}
	next := cmd.Flags().Bool("next-boot", false, "only make it the default; it becomes current at the next boot")
	force := cmd.Flags().Bool("force", false, "activate it even if it would not boot")
	menu := menuFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		opt := menu(cmd)
		opt.NextBoot, opt.Force = *next, *force
		id, err := stateArgument(opt.Root, args)
		if err != nil {
			return err
		}
		result, err := system.Activate(cmd.Context(), opt, id)
		if err != nil && system.ExitCode(err) != system.ExitLate {
			return err
		}
		return errors.Join(err, reportActivation(ui.Read(cmd), opt, result))
	}
	return cmd
}

func reportActivation(s ui.Settings, opt system.Options, r system.Activation) error {
	switch {
	case s.JSON:
		return ui.JSON(s.Out, r)
	case s.Quiet:
		return nil
	case opt.NextBoot:
		fmt.Fprintf(s.Out, "state %d will be current at the next boot; %s\n", r.ID, r.Boot)
	case !r.Moved:
		fmt.Fprintf(s.Out, "state %d is current already; %s\n", r.ID, r.Boot)
	default:
		fmt.Fprintf(s.Out, "state %d is current now, state %d is archived; %s\n", r.ID, r.Previous, r.Boot)
	}
	return nil
}
