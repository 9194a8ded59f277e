package early

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"moss/internal/cmdline"
)

// care is what must be minded when the root is mounted.
type care struct {
	readOnly bool   // as if ro had been asked for
	damaged  string // why nothing may be written on it, "" for a sound one
}

// rootOptions are the options to mount the root with.
func (b *Boot) rootOptions() (flags uintptr, data string) {
	flags, data = mountOptions(b.line)
	if b.care.readOnly && !b.line.Has("rw") || b.care.damaged != "" {
		flags = readOnly(flags, "ro")
	}
	return flags, data
}

// checkRoot is a step: it lets the checker of the root's file system look at it,
// where the image brings one, as systemd-fsck(8) would: fsck.mode= and
// fsck.repair= are its words. What cannot be repaired is mounted read-only; it is
// no reason not to boot.
func (b *Boot) checkRoot() error {
	kind := b.root.Holds.Type
	tool := b.checker(kind)
	argv := checkArguments(b.line, tool, kind, b.root.Node)
	if argv == nil {
		return nil
	}
	b.console.debugf("%s", strings.Join(argv, " "))
	status, err := b.runProgram(argv, false)
	if err == nil && status&^checkRepaired == checkRestart {
		// That is for a file system that somebody has mounted. Nobody has this one.
		status, err = b.runProgram(argv, false)
	}
	if err == nil && status <= checkRepaired {
		b.markChecked()
		return nil
	}
	why := fmt.Sprintf("%s ended with %d (%s)", tool, status, checkWords(status))
	if err != nil {
		why = err.Error()
	}
	if err != nil || status >= checkNot || status&(checkFailed|checkRestart) == 0 {
		b.console.warnf("%s was not checked: %s; going on", *b.root, why)
		return nil
	}
	b.care.damaged = why
	b.console.Errorf("%s is damaged: %s; it is mounted read-only. Repair it from another system, or boot once with fsck.mode=force fsck.repair=yes", *b.root, why)
	return nil
}

// Bits of the exit status of fsck(8); checkNot and more are those of a shell and
// of the dynamic loader, which found no program or library, and of signals.
const (
	checkRepaired = 1
	checkRestart  = 2
	checkFailed   = 4
	checkNot      = 126
)

func checkWords(status int) string {
	if status >= checkNot {
		return "it did not run to its end"
	}
	var words []string
	for _, w := range []struct {
		bit  int
		text string
	}{
		{checkRepaired, "errors were repaired"}, {checkRestart, "it asks for a restart"}, {checkFailed, "errors are left"},
		{8, "it could not do its work"}, {16, "it was called wrongly"}, {32, "it was stopped"},
	} {
		if status&w.bit != 0 {
			words = append(words, w.text)
		}
	}
	return strings.Join(words, ", ")
}

// checker is the program for a type, "" where the image has none.
func (b *Boot) checker(kind string) string {
	for _, dir := range []string{"/usr/sbin/fsck.", "/sbin/fsck.", "/usr/bin/fsck."} {
		if info, err := os.Stat(b.path(dir + kind)); kind != "" && err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return dir + kind
		}
	}
	return ""
}

// checkArguments is how to call the checker, nil for not at all. Those of xfs,
// btrfs and f2fs are no part of a normal boot: their file systems mend themselves
// when they are mounted.
func checkArguments(line cmdline.Line, tool, kind, node string) []string {
	mode, _ := line.Last("fsck.mode")
	force := mode == "force" || line.Has("forcefsck")
	usual := strings.HasPrefix(kind, "ext") || kind == "vfat"
	if tool == "" || mode == "skip" || line.Has("fastboot") && !force || !usual && !force {
		return nil
	}
	argv := []string{tool, "-a"}
	switch repair, _ := line.Last("fsck.repair"); repair {
	case "yes":
		argv[1] = "-y"
	case "no":
		argv[1] = "-n"
	}
	if force && kind != "vfat" && kind != "btrfs" && kind != "xfs" {
		argv = append(argv, "-f")
	}
	return append(argv, node)
}

// markChecked spares the system a second check: systemd-fsck-root.service has
// ConditionPathExists=!/run/initramfs/fsck-root.
func (b *Boot) markChecked() {
	err := os.MkdirAll(b.path("run/initramfs"), 0o755)
	if err == nil {
		err = os.WriteFile(b.path("run/initramfs/fsck-root"), nil, 0o644)
	}
	if err != nil {
		b.console.debugf("the system checks the root again: %v", err)
	}
}

// errDamaged is why a root that fsck could not repair is not made writable.
func (m *rootMount) errDamaged() error {
	if m.damaged == "" {
		return nil
	}
	return errors.New("the root stays read-only, for " + m.damaged)
}
