package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"moss/internal/system"
	"moss/internal/ui"
)

func newRepoCommand() *cobra.Command {
	return ui.Group("repo", "Say where packages come from, and whose word for them counts",
		newRepoAddCommand(), newRepoListCommand(), newRepoRemoveCommand(), newRepoUpdateCommand(),
		newRepoSwitchCommand("enable", true), newRepoSwitchCommand("disable", false))
}

func newRepoAddCommand() *cobra.Command {
	var n system.NewRepository
	cmd := &cobra.Command{
		Use:   "add NAME URI (--key KEY | --allow-unsigned)",
		Short: "Configure a repository, pin its key, and fetch its index",
		Long: `Add configures a repository and fetches its index; if that fails it is not
added. URI is http, https, file or an absolute path, of the index (stone.index)
or of its folder.

The index must be signed, and the key that signs it is pinned here, by the one
line that the publisher names (RW...) or by a file of it. Get it by a way that
you trust: the server itself is not one. With --allow-unsigned nothing vouches
for the packages, and moss status says so for as long as it lasts.

` + system.ExitCodes,
		Example: `  moss repo add volatile https://packages.example.org/x86_64 --key volatile.pub
  moss repo add mine /srv/stones --allow-unsigned -p 10`,
		Args: ui.Arguments(cobra.ExactArgs(2)),
	}
	f := cmd.Flags()
	f.StringVar(&n.Key, "key", "", "the public `KEY` that signs the index, or a file of it")
	f.BoolVar(&n.Unsigned, "allow-unsigned", false, "accept the index without a signature")
	f.IntVarP(&n.Priority, "priority", "p", 0, "`NUMBER`; of two repositories with a package the one with the higher wins")
	f.StringVarP(&n.Description, "comment", "c", "", "`TEXT` about the repository")
	f.BoolVar(&n.NoUpdate, "no-update", false, "do not fetch the index now")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		n.Name, n.URI = args[0], args[1]
		if n.Key != "" && n.Unsigned {
			return ui.Usagef("--key and --allow-unsigned: it can be one of them")
		}
		if n.Priority < 0 {
			return ui.Usagef("--priority %d: want 0 or more", n.Priority)
		}
		opt, s := view(cmd), ui.Read(cmd)
		bars, done := progressBars(cmd)
		opt.Progress = bars
		u, err := system.AddRepository(cmd.Context(), opt, n)
		done()
		if err != nil {
			return err
		}
		if s.JSON {
			return ui.JSON(s.Out, u)
		}
		if n.NoUpdate {
			sayIf(s, fmt.Sprintf("added %s; fetch its index: moss repo update %s", n.Name, n.Name))
			return nil
		}
		sayUpdate(s, "added", u)
		return nil
	}
	return cmd
}

func sayIf(s ui.Settings, line string) {
	if !s.Quiet && !s.JSON {
		fmt.Fprintln(s.Out, line)
	}
}

// sayUpdate tells what was fetched, and does not let a missing signature pass
// for a good one.
func sayUpdate(s ui.Settings, what string, u system.RepositoryUpdate) {
	trust := "UNSIGNED"
	if u.Time != nil {
		trust = "signed " + u.Time.UTC().Format("2006-01-02 15:04 UTC")
	}
	sayIf(s, fmt.Sprintf("%s %s: %d packages, %s", what, u.Name, u.Packages, trust))
	if len(u.Succeeded) > 0 {
		sayIf(s, fmt.Sprintf("%s took the place of %s, for good", u.Name, strings.Join(u.Succeeded, ", ")))
	}
	if u.Unsigned && !s.Quiet {
		fmt.Fprintln(s.Err, s.Warning(fmt.Sprintf("moss: warning: repository %s is unsigned: nothing vouches for its packages", u.Name)))
	}
}

func newRepoListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the configured repositories, the highest priority first",
		Long: `List shows each repository and whether it is used. Besides the ones that are
enabled (*) there are those that are dormant (for merged systems only, and this
is none), those that wait for their first index, and those that another one has
succeeded; the reason of each follows the list.

A repository file can say merged-only: true and succeeds: NAME. Once the usr-merge
is complete, the next update fetches the index of the successor and switches to
it, for good: the packages of the new one may be installed from then on.`,
		Example: "  moss repo list --json",
		Args:    ui.Arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s := ui.Read(cmd)
			all, err := system.Repositories(s.Root)
			if err != nil {
				return err
			}
			if s.JSON {
				return ui.JSON(s.Out, all)
			}
			return listRepositories(s, all)
		},
	}
}

func listRepositories(s ui.Settings, all []system.RepositoryInfo) error {
	var rows [][]string
	for _, r := range all {
		updated, trust := "never", "signed"
		if r.Updated != nil {
			updated = r.Updated.Local().Format("2006-01-02 15:04")
		}
		if r.Unsigned {
			trust = "UNSIGNED"
		} else if r.Key == "" {
			trust = "no key"
		}
		rows = append(rows, []string{r.Name, fmt.Sprint(r.Priority), enabledMark(r), trust, fmt.Sprint(r.Packages), updated, r.URI, r.Description})
	}
	if err := ui.Table(s.Out, []string{"NAME", "PRIORITY", "ENABLED", "TRUST", "PACKAGES", "UPDATED", "URI", "COMMENT"}, rows); err != nil {
		return err
	}
	for _, r := range all {
		if r.Enabled && r.Problem != "" && !s.Quiet {
			fmt.Fprintln(s.Err, s.Warning("moss: note: "+ui.Printable(r.Problem)))
		}
		if r.Why != "" && !s.Quiet {
			fmt.Fprintln(s.Err, s.Warning("moss: note: repository "+r.Name+": "+ui.Printable(r.Why)))
		}
	}
	return nil
}

// enabledMark has a word for the enabled ones that are not used all the same.
func enabledMark(r system.RepositoryInfo) string {
	if r.Enabled && r.Standing != "in use" {
		return r.Standing
	}
	return ui.Mark(r.Enabled)
}

func newRepoRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "remove NAME ...",
		Short: "Forget repositories and their indexes; installed packages stay",
		Long: `Remove deletes the configuration in /etc and the stored index. A repository that
the system itself brings can only be disabled.

` + system.ExitCodes,
		Example: "  moss repo remove mine",
		Args:    ui.Arguments(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return eachRepository(cmd, args, "removed", system.RemoveRepository)
		},
	}
}

func newRepoSwitchCommand(verb string, on bool) *cobra.Command {
	short := "Use repositories again"
	if !on {
		short = "Leave repositories out, and keep their configuration"
	}
	return &cobra.Command{
		Use:     verb + " NAME ...",
		Short:   short,
		Example: "  moss repo " + verb + " volatile",
		Args:    ui.Arguments(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return eachRepository(cmd, args, verb+"d", func(root, name string) error { return system.EnableRepository(root, name, on) })
		},
	}
}

func eachRepository(cmd *cobra.Command, names []string, what string, act func(root, name string) error) error {
	s := ui.Read(cmd)
	for _, name := range names {
		if err := act(s.Root, name); err != nil {
			return err
		}
		sayIf(s, what+" "+name)
	}
	if s.JSON {
		return ui.JSON(s.Out, map[string][]string{what: names})
	}
	return nil
}

func newRepoUpdateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "update [NAME ...]",
		Short: "Fetch the indexes of all enabled repositories, or of the named ones",
		Long: `Update fetches indexes, proves their signatures and stores them. One that fails
keeps the index it has, and the others are updated all the same; the exit code
is 3 when an index cannot be trusted. No package is changed: see moss sync.

` + system.ExitCodes,
		Example: "  moss repo update",
		RunE: func(cmd *cobra.Command, args []string) error {
			opt, s := view(cmd), ui.Read(cmd)
			bars, done := progressBars(cmd)
			opt.Progress = bars
			all, err := system.UpdateRepositories(cmd.Context(), opt, args)
			done()
			if s.JSON {
				return errors.Join(err, ui.JSON(s.Out, all))
			}
			for _, u := range all {
				what := "unchanged"
				if u.Changed {
					what = "updated"
				}
				sayUpdate(s, what, u)
			}
			return err
		},
	}
}
