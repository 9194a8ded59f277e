package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"moss/internal/system"
	"moss/internal/ui"
)

// mostMachines bounds a simulation to a few seconds.
const mostMachines = 100_000_000

func newUsrMergeRolloutCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rollout [--simulate N | --opt-in | --opt-out]",
		Short: "Show the rollout, try it on random machines, or opt this machine in",
		Long: `Rollout shows the threshold, the file that sets it, and this machine's number. A
machine merges when the last byte of its machine id is below the threshold: with
rollout=26 about one in ten does, with 256 every one, with 0 none.

--simulate N draws N random machine ids and shows how many each threshold takes.
--opt-in writes opt-in=yes to /etc/moss/usr-merge.conf, so that this machine merges
whatever the threshold is; --opt-out takes that line away again, and the threshold
counts. To keep a machine out for good, say rollout=0 there.

` + system.ExitCodes,
		Example: "  moss usr-merge rollout --simulate 100000\n  moss usr-merge rollout --opt-in",
		Args:    ui.Arguments(cobra.NoArgs),
	}
	machines := cmd.Flags().Int("simulate", 0, "draw `N` random machines, and show how many each threshold takes")
	in := cmd.Flags().Bool("opt-in", false, "merge this machine whatever the threshold is")
	out := cmd.Flags().Bool("opt-out", false, "let the threshold count again for this machine")
	cmd.MarkFlagsMutuallyExclusive("simulate", "opt-in", "opt-out")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s := ui.Read(cmd)
		if cmd.Flags().Changed("simulate") {
			return simulateUsrMerge(s, *machines)
		}
		if *in || *out {
			changed, err := system.OptIntoUsrMerge(writeOptions(cmd), *in)
			if err != nil {
				return err
			}
			if !changed {
				sayIf(s, "nothing to change")
			}
		}
		m, err := system.ReadUsrMerge(view(cmd))
		if err != nil {
			return err
		}
		return showRollout(s, m)
	}
	return cmd
}

func showRollout(s ui.Settings, m system.UsrMerge) error {
	if s.JSON {
		return ui.JSON(s.Out, struct {
			Rollout int     `json:"rollout"`
			From    string  `json:"rollout_from"`
			Share   float64 `json:"share"`
			Number  *int    `json:"number"`
			Machine string  `json:"machine"`
			OptIn   bool    `json:"opt_in"`
			Merge   bool    `json:"merge"`
			Outcome string  `json:"outcome"`
			Reason  string  `json:"reason"`
		}{m.Rollout, m.RolloutFrom, float64(m.Rollout) / system.UsrMergeEveryone, m.Number, m.Machine, m.OptIn, m.Merge, m.Outcome, m.Reason})
	}
	if s.Quiet {
		return nil
	}
	return ui.Table(s.Out, []string{"rollout", share(m)}, [][]string{{"machine", numberOf(m)}, {"gate", m.Reason}})
}

type simulated struct {
	Rollout int     `json:"rollout"`
	Merged  int     `json:"merged"`
	Share   float64 `json:"share"`
}

func simulateUsrMerge(s ui.Settings, machines int) error {
	if machines < 1 || machines > mostMachines {
		return ui.Usagef("--simulate %d: want a number of machines from 1 to %d", machines, mostMachines)
	}
	found, err := system.SimulateUsrMerge(machines)
	if err != nil {
		return err
	}
	var all []simulated
	for threshold, merged := range found.Merged {
		all = append(all, simulated{threshold, merged, float64(merged) / float64(machines)})
	}
	if s.JSON {
		return ui.JSON(s.Out, map[string]any{"machines": machines, "thresholds": all})
	}
	var rows [][]string
	for _, threshold := range []int{0, 1, 3, 8, 13, 26, 52, 64, 128, 192, 230, 243, 255, 256} {
		one := all[threshold]
		rows = append(rows, []string{fmt.Sprint(threshold), fmt.Sprint(one.Merged), fmt.Sprintf("%.2f %%", 100*one.Share),
			fmt.Sprintf("%.2f %%", 100*float64(threshold)/system.UsrMergeEveryone)})
	}
	return ui.Table(s.Out, []string{"ROLLOUT", "MERGED", "SHARE", "EXPECTED"}, rows)
}
