package probe

import (
	"fmt"
	"strings"
)

const (
	loaderPath = "EFI/systemd/systemd-bootx64.efi"
	// answers is a folder of the partition with the script.
	answers = "answers"
	// prompt is where the shell waits five seconds for a key before it starts
	// the script.
	prompt = "any other key to continue"
)

// startup asks every partition. The shell numbers the file systems by the text of
// their device paths, that is 1, 10, 11, 2: the first is the one with this
// script, and which of the others is which they say themselves.
func startup(partitions int) string {
	lines := []string{"@echo -off", `load fs0:\hasty.efi`}
	for n := 1; n <= partitions; n++ {
		lines = append(lines, fmt.Sprintf(`fs%d:\ask.nsh fs%[1]d:`, n))
	}
	return nsh(append(lines, "reset -s")...)
}

// ask is the script of one partition, the file system %1. Nothing of another
// one's variables may be left. What the shell says of each variable would take
// longer than all else.
func ask(name string) string {
	return nsh(
		"@echo -off",
		"dmpstore -d -guid "+Vendor+" > nul",
		`dmpstore -guid `+Vendor+` -l %1\vars.bin > nul`,
		`%1\`+strings.ReplaceAll(loaderPath, "/", `\`),
		`dmpstore -guid `+Vendor+` -s fs0:\`+answers+`\`+name+" > nul",
		"echo asked "+name,
	)
}

// nsh ends lines as the shell's editor does.
func nsh(lines ...string) string { return strings.Join(lines, "\r\n") + "\r\n" }
