package early

import (
	"os"
	"strconv"
	"strings"
)

// takeCommandLine is readCommandLine, and also makes the kernel itself reboot when
// PID 1 dies in a way that it cannot catch, such as running out of memory. Without
// panic= the kernel would stand still.
//
// A boot of a state keeps that after init runs: a state that kills the kernel
// must count as a failed start, which needs the next one. What the kernel was built
// to do (CONFIG_PANIC_TIMEOUT), and panic=, is the owner's.
func (b *Boot) takeCommandLine() error {
	if err := b.readCommandLine(); err != nil {
		return err
	}
	const setting = "proc/sys/kernel/panic"
	before, err := os.ReadFile(b.path(setting))
	if b.line.Has("panic") || err != nil || strings.TrimSpace(string(before)) != "0" {
		return nil
	}
	if b.line.Has("moss.fstx") {
		_ = os.WriteFile(b.path(setting), []byte(strconv.Itoa(rebootAfter)), 0o644)
		return nil
	}
	b.set(setting, strconv.Itoa(rebootAfter))
	return nil
}

// set changes a setting of the kernel until init runs: the system's own policy
// is not decided here. One that cannot be changed stays.
func (b *Boot) set(name, value string) {
	path := b.path(name)
	before, err := os.ReadFile(path)
	if err != nil {
		return
	}
	if os.WriteFile(path, []byte(value), 0o644) == nil {
		b.undo = append(b.undo, func() { _ = os.WriteFile(path, before, 0o644) })
	}
}

func (b *Boot) unset() {
	for _, undo := range b.undo {
		undo()
	}
	b.undo = nil
}
