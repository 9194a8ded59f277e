package esp

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"unicode"
)

// repair lets fsck.fat put an unclean file system right, as at every boot, and
// says what it did; "" when there is no such program.
func repair(node string) string {
	program := checker()
	if program == "" {
		return ""
	}
	cmd := exec.Command(program, "-p", node)
	// Ctrl-C ends this program; to end a repair half-way is to damage more.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := cmd.CombinedOutput()
	said := spoken(string(out))
	var exit *exec.ExitError
	if err == nil || errors.As(err, &exit) && exit.ExitCode() == 1 { // 1: errors, corrected (fsck.fat(8))
		return fmt.Sprintf("%s was not unmounted cleanly; fsck.fat -p: %s", node, said)
	}
	return fmt.Sprintf("%s was not unmounted cleanly and fsck.fat -p could not repair it: %v: %s", node, err, said)
}

// checker is the program, also where PATH has no folders for root.
func checker() string {
	for _, name := range []string{"fsck.fat", "/usr/sbin/fsck.fat", "/sbin/fsck.fat", "/usr/bin/fsck.fat"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// spoken makes one line of the output. Names of files are in it, with whatever
// bytes they are damaged to.
func spoken(out string) string {
	var lines []string
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "fsck.fat ") && !strings.HasPrefix(line, "***") {
			lines = append(lines, line)
		}
	}
	text := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, strings.Join(lines, "; "))
	if runes := []rune(text); len(runes) > 400 {
		return string(runes[:400]) + "…"
	}
	return text
}
