package early

import (
	"os"
	"strconv"
)

// takeCommandLine is readCommandLine for PID 1, which also makes the kernel
// itself reboot when this program dies in a way that it cannot catch, such as
// running out of memory. Without panic= the kernel would stand still.
func (b *Boot) takeCommandLine() error {
	if err := b.readCommandLine(); err != nil {
		return err
	}
	if !b.line.Has("panic") {
		b.set("proc/sys/kernel/panic", strconv.Itoa(rebootAfter))
	}
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
