package early

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"moss/internal/atomicfile"
	"moss/internal/fault"
	"moss/store/activate"
)

// maxAttempts is how often early boot restarts a machine by itself until a boot
// works again. It is kept on the root, so it survives power cuts.
const maxAttempts = 3

// blessUnit is in a tree that takes the count away itself after a good boot.
const blessUnit = "lib/systemd/system/moss-bless.service"

// attempts is .moss/boot/attempts: the number of restarts, then why the last one
// was made, for the boot that it leads to.
type attempts struct {
	count int
	// wanted could not work for this reason, so the restart was into the entry of
	// the state next. 0 for a restart that only hopes.
	wanted, next activate.ID
	reason       string
}

func attemptsPath(root string) string { return filepath.Join(root, ".moss/boot/attempts") }

// readAttempts: no file is none. What cannot be read counts as too many: who
// does not know how often it happened must not do it again.
func readAttempts(root string) attempts {
	text, err := readBounded(attemptsPath(root), maxRecord)
	if errors.Is(err, fs.ErrNotExist) {
		return attempts{}
	}
	if err != nil {
		return attempts{count: maxAttempts}
	}
	first, rest, _ := strings.Cut(text, "\n")
	count, err := strconv.ParseUint(strings.TrimSpace(first), 10, 16)
	if err != nil {
		return attempts{count: maxAttempts}
	}
	a := attempts{count: int(count)}
	for line := range strings.Lines(rest) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch id, _ := activate.ParseID(value); key {
		case "wanted":
			a.wanted = id
		case "next":
			a.next = id
		case "reason":
			a.reason = printable(value)
		}
	}
	return a
}

func (a attempts) text() string {
	text := strconv.Itoa(a.count) + "\n"
	if a.next != 0 {
		text += fmt.Sprintf("wanted: %s\nnext: %s\nreason: %s\n", a.wanted, a.next, oneLine(a.reason))
	}
	return text
}

// errAttempts is why the machine does not restart by itself any more.
func errAttempts() error {
	return fmt.Errorf("this machine has restarted itself %d times since a boot last worked, and does not do so again", maxAttempts)
}

// raise counts a restart before it is made. Without a place to count there is
// none: that is what ends every circle.
func (b *Boot) raise(a attempts) error {
	root := b.rootNow()
	a.count = b.restarts() + 1
	if a.count > maxAttempts {
		return errAttempts()
	}
	err := b.mounted.writable()
	if err == nil {
		err = fault.Point("early/attempts")
	}
	if err == nil {
		err = makeDurable(root, ".moss", "boot")
	}
	if err == nil {
		err = atomicfile.Write(attemptsPath(root), []byte(a.text()), 0o644)
	}
	if err != nil {
		return fmt.Errorf("count this restart: %w", err)
	}
	b.raised = 1
	return nil
}

// restarts is how many were made since a boot last worked. What this boot has put
// back to none before it failed after all counts on; one that it counted itself, and
// that did not come about, is the same one when it tries again.
func (b *Boot) restarts() int { return max(readAttempts(b.rootNow()).count-b.raised, b.restarted) }

// rootNow is the folder that the root is at: a switch that failed half-way may
// have made it "/" already.
func (b *Boot) rootNow() string {
	if _, err := os.Lstat(b.Sysroot); err != nil {
		return b.Top
	}
	return b.Sysroot
}

// settle is a step: the wanted state works, so what was held against it and the
// count of restarts go. When this boot is what an earlier one restarted into, the
// story is told whole, and the count stays until moss-boot bless takes it away where
// the state has that: one that dies after the switch would be restarted into for
// ever otherwise.
func (b *Boot) settle() error {
	o := &b.report.Outcome
	if o.Wanted == 0 || o.Activated != o.Wanted || b.bare {
		return nil
	}
	c := b.choice()
	err := c.forgive(o.Wanted)
	before := readAttempts(b.Sysroot)
	led := before.next == o.Activated && before.wanted != 0
	if led {
		o.Wanted, o.Fallback, o.Step, o.Reason = before.wanted, true, 2, before.reason
		o.Failed = append(o.Failed, Failure{before.wanted, before.reason})
	}
	b.restarted = before.count - b.raised
	if before.count > 0 {
		err = errors.Join(err, c.startAnew(attemptsPath(b.Sysroot), before.count, led))
	}
	if err != nil {
		b.console.warnf("what earlier boots left could not be removed: %v", err)
	}
	return nil
}

// startAnew ends the counting of restarts, or only the story that goes with it.
func (c *choice) startAnew(path string, count int, led bool) error {
	if err := fault.Point("early/settled"); err != nil {
		return err
	}
	if !led || !lexists(filepath.Join(c.states.Usr(), blessUnit)) {
		return c.remove(path)
	}
	if err := c.writable(); err != nil {
		return err
	}
	return atomicfile.Write(path, []byte(attempts{count: count}.text()), 0o644)
}
