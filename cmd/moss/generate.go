package main

import (
	"github.com/spf13/cobra"

	"moss/internal/ui"
)

func newGenerateCommand() *cobra.Command { return ui.NewGenerateCommand("moss", manual()) }

func newCompletionCommand() *cobra.Command { return ui.NewCompletionCommand("moss") }

// manual is what the pages say that no verb does.
func manual() ui.Manual {
	return ui.Manual{
		Files: [][2]string{
			{"/usr/.stateID", "The number of the live state. A tree without it was never finished."},
			{"/.moss", "The store: contents, archived states, the database, indexes and downloads."},
			{"/.moss/root/ID/usr", "The tree of the archived state ID."},
			{"/etc/moss/repo.d/*.yaml, /usr/share/moss/repo.d/*.yaml", "Repositories: the administrator's and the vendor's."},
			{"/etc/moss/moss.yaml", "How many states are kept, and for how long."},
			{"/usr/share/moss/triggers/{tx,sys}.d/*.yaml", "Triggers of a transaction and of the running system."},
			{"/etc/moss/usr-merge.conf, /usr/lib/moss/usr-merge.conf", "Which machines merge /bin, /sbin and /lib into /usr: rollout=, opt-in=, ready=, complete=, orphans=, dirs=."},
			{"/var/lib/moss/usr-merge", "The markers of the usr-merge, its report.json, and what /usr had differently."},
			{"/etc/kernel/cmdline.d/*.cmdline, /usr/lib/kernel/cmdline.d/*.cmdline", "What boot entries add to the kernel command line."},
		},
		See: []string{"moss-boot(8)", "moss-init(8)", "bootctl(1)"},
	}
}
