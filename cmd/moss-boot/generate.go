package main

import (
	"github.com/spf13/cobra"

	"moss/internal/ui"
)

func newGenerateCommand() *cobra.Command { return ui.NewGenerateCommand("moss-boot", manual()) }

func newCompletionCommand() *cobra.Command { return ui.NewCompletionCommand("moss-boot") }

// manual is what the pages say that no verb does.
func manual() ui.Manual {
	return ui.Manual{
		Files: [][2]string{
			{"$BOOT/loader/entries/*.conf", "The boot entries, one for a state and a kernel; $BOOT is XBOOTLDR or the ESP."},
			{"/.moss/boot", "What early boot reads and writes without a database: the menu, failed states."},
			{"/run/moss/boot.json", "What early boot did, and what it fell back from."},
			{"/etc/kernel/cmdline.d/*.cmdline, /usr/lib/kernel/cmdline.d/*.cmdline", "What boot entries add to the kernel command line."},
		},
		See: []string{"moss(8)", "moss-init(8)", "bootctl(1)"},
	}
}
