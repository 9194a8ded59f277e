package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"moss/internal/system"
	"moss/internal/ui"
)

func newUsrMergeStatusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Say whether this system is merged, and if not, what it waits for",
		Long: `Status shows each folder, what the gate says and why, this machine's number beside
the threshold and the file that sets it, the markers, and the last report. It
takes no lock and writes nothing.

` + system.ExitCodes,
		Example: "  moss usr-merge status --json",
		Args:    ui.Arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s := ui.Read(cmd)
			m, err := system.ReadUsrMerge(view(cmd))
			if err != nil {
				return err
			}
			if s.JSON {
				return ui.JSON(s.Out, m)
			}
			return showUsrMerge(s, m)
		},
	}
}

func showUsrMerge(s ui.Settings, m system.UsrMerge) error {
	merged, gate := "no", "closed: "
	if m.Merged {
		merged = "yes"
	}
	if m.Merge {
		gate = "open: "
	}
	if m.Merged && m.Outcome == "already" {
		gate = ""
	}
	rows := [][]string{
		{"gate", gate + m.Reason},
		{"rollout", share(m)},
		{"machine", numberOf(m)},
	}
	if m.Hint != "" {
		rows = append(rows[:1], append([][]string{{"next", m.Hint}}, rows[1:]...)...)
	}
	for _, marker := range m.Markers.Ready {
		rows = append(rows, []string{"ready", marker + there(!m.Ready && slices.Contains(m.Missing, marker))})
	}
	if m.Markers.Complete != "" {
		rows = append(rows, []string{"complete", m.Markers.Complete + there(!m.Complete)})
	}
	if r := m.Report; r != nil {
		rows = append(rows, []string{"last report", r.Time + " " + r.Outcome + ": " + r.Reason})
	}
	for _, dir := range m.Dirs {
		rows = append(rows, []string{"/" + dir.Name, stateOf(dir)})
	}
	return ui.Table(s.Out, []string{"merged", merged}, rows)
}

// stateOf is a folder's state, and where it leads or will lead.
func stateOf(d system.UsrMergeFolder) string {
	state := d.State
	if state == "merge" {
		state = "to be merged"
	}
	if d.Target != "" {
		state += " -> " + d.Target
	}
	return state
}

func there(missing bool) string {
	if missing {
		return " (missing)"
	}
	return " (there)"
}

// share is the threshold for people.
func share(m system.UsrMerge) string {
	if m.RolloutFrom == "" {
		return "0 of 256: no file says rollout="
	}
	return fmt.Sprintf("%d of %d (%.1f %%), by %s", m.Rollout, system.UsrMergeEveryone, 100*float64(m.Rollout)/system.UsrMergeEveryone, m.RolloutFrom)
}

func numberOf(m system.UsrMerge) string {
	who := ""
	if m.OptIn {
		who = ", opted in"
	}
	if m.Number == nil {
		return m.Machine + who
	}
	where := "outside"
	if *m.Number < m.Rollout {
		where = "inside"
	}
	return fmt.Sprintf("%d, %s the rollout%s", *m.Number, where, who)
}

func newUsrMergePlanCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "plan",
		Short: "Say what a merge would do, and change nothing",
		Long: `Plan reads both sides of every folder and shows what would be merged, what differs
and would go to the orphans folder, and what must be put right first. With
--verbose it names every entry. The gate is not asked.

` + system.ExitCodes,
		Example: "  moss usr-merge plan --verbose",
		Args:    ui.Arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s := ui.Read(cmd)
			p, err := system.PlanUsrMerge(view(cmd))
			if err != nil {
				return err
			}
			if s.JSON {
				return ui.JSON(s.Out, p)
			}
			showUsrMergePlan(s, p)
			return nil
		},
	}
}

func showUsrMergePlan(s ui.Settings, p *system.UsrMergePlan) {
	say := func(format string, args ...any) { fmt.Fprintln(s.Out, ui.Printable(fmt.Sprintf(format, args...))) }
	for _, r := range p.Refusals {
		say("refused: /%s: /%s %s", r.Dir, r.Path, r.Why)
		if r.Hint != "" {
			say("  next: %s", r.Hint)
		}
	}
	if p.Merged {
		say("nothing to do: every folder is merged")
		return
	}
	for _, d := range p.Dirs {
		say("/%s: %s", d.Name, stateOf(d))
	}
	for _, o := range p.Orphans {
		say("orphan: /%s -> /%s (%s)", o.Path, o.To, o.Why)
	}
	for _, d := range p.Differs {
		say("differs: /%s (%s)", d.Path, d.Why)
	}
	for _, path := range p.Regenerated {
		say("regenerated: /%s", path)
	}
	if s.Verbose {
		sayEveryEntry(p, say)
	}
	say("%d moves, %d equal, %d links made anew, %d orphans, %d refusals; %s to copy, about %.1f s",
		len(p.Moves), len(p.Folds), len(p.Relinks), len(p.Orphans), len(p.Refusals), ui.Bytes(p.Bytes), p.Seconds)
}

func sayEveryEntry(p *system.UsrMergePlan, say func(string, ...any)) {
	for _, op := range p.Moves {
		say("%s: /%s -> /%s", op.How, op.Path, op.To)
	}
	for _, path := range p.Folds {
		say("equal: /%s", path)
	}
	for _, r := range p.Relinks {
		say("relink: /%s: %s -> %s", r.Path, r.From, r.Text)
	}
}
