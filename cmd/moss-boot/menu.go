package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"moss/bootloader"
	"moss/internal/system"
	"moss/internal/ui"
)

func options(cmd *cobra.Command, esp string) system.Options {
	s := ui.Read(cmd)
	return system.Options{Root: s.Root, ESP: esp, Command: cmd.CommandPath(), Now: time.Now(), Log: ui.Logger(s, "moss-boot"), Vars: vars()}
}

func espFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("esp", "", "the `DIR` where $BOOT (ESP or XBOOTLDR) is mounted; found by itself if not given")
}

func newListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Show the boot menu in the loader's order",
		Long: `List shows every entry that the loader finds, in its order: of which state it is,
which one it starts by itself (DEFAULT), next time only (ONESHOT), and which one
this machine runs (BOOTED). An entry that lacks a file cannot start. FOREIGN entries are other systems' and never touched.

` + system.ExitCodes,
		Example: "  moss-boot list --json",
		Args:    ui.Arguments(cobra.NoArgs),
	}
	esp := espFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		menu, err := system.ReadMenu(options(cmd, *esp))
		if err != nil {
			return err
		}
		s := ui.Read(cmd)
		if s.JSON {
			return ui.JSON(s.Out, menu)
		}
		var rows [][]string
		for _, item := range menu.Entries {
			rows = append(rows, row(item))
		}
		return ui.Table(s.Out, []string{"STATE", "TITLE", "KERNEL", "DEFAULT", "ONESHOT", "BOOTED", "TRIES", "PINNED", "FOREIGN"}, rows)
	}
	return cmd
}

func row(item bootloader.Item) []string {
	id, tries := fmt.Sprint(item.State), ""
	switch {
	case item.Foreign:
		id = "-"
	case item.Rescue:
		id = "rescue"
	}
	if item.TriesLeft != nil {
		tries = fmt.Sprintf("%d left, %d done", *item.TriesLeft, *item.TriesDone)
	}
	if item.Bad {
		tries += " (bad)"
	}
	title := item.Title
	if item.Hidden != "" {
		title += " (hidden: " + item.Hidden + ")"
	}
	if len(item.Missing) > 0 {
		title += " (lacks " + strings.Join(item.Missing, ", ") + ")"
	}
	return []string{id, title, item.Kernel, ui.Mark(item.Default), ui.Mark(item.OneShot), ui.Mark(item.Booted),
		tries, ui.Mark(item.Pinned), ui.Mark(item.Foreign)}
}

func newSyncCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sync",
		Short: "Make the boot menu match the states",
		Long: `Sync writes an entry for each of the newest states, five or the number of menu: in
moss.yaml, and for the live, booted, default, last good and pinned ones and the one
of the next boot, with the kernels and initrds they need, and removes those of
states that are gone. States that failed stay, behind all others and without
tries; damaged ones do not. A second run writes nothing. A dry run takes no lock, and any user
who may read $BOOT can make it.

` + system.ExitCodes,
		Example: "  moss-boot sync --dry-run",
		Args:    ui.Arguments(cobra.NoArgs),
	}
	esp := espFlag(cmd)
	dry := cmd.Flags().Bool("dry-run", false, "say what would change, and change nothing")
	uki := cmd.Flags().Bool("uki", false, "this time make one image of kernel and initrds, a unified kernel image (uki: yes in moss.yaml does it always)")
	wait := cmd.Flags().Bool("wait", false, "wait while another process changes the same root, instead of giving up")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		opt := options(cmd, *esp)
		opt.Wait, opt.UKI = *wait, *uki
		sync := system.SyncMenu
		if *dry {
			sync = system.PlanMenu
		}
		done, err := sync(cmd.Context(), opt)
		if err != nil {
			return err
		}
		s := ui.Read(cmd)
		switch {
		case s.JSON:
			return ui.JSON(s.Out, done)
		case !s.Quiet:
			report(s, done, *dry)
		}
		return nil
	}
	return cmd
}

func report(s ui.Settings, done system.Synced, dry bool) {
	for _, line := range done.Steps {
		if dry {
			line = "would " + line
		}
		fmt.Fprintln(s.Out, line)
	}
	if len(done.Shrunk) > 0 {
		fmt.Fprintln(s.Out, "for want of space these states have no entry: "+system.JoinStates(done.Shrunk))
	}
	if len(done.Steps) == 0 {
		fmt.Fprintln(s.Out, "boot menu in "+done.Boot+" matches the states")
	}
}
